"""A run as a Core ML package (`.mlpackage`), for Xcode and `MLModel` on iOS 16 and later.

Its input `image` is an RGB picture of the model's size; the network's own scaling to [-1, 1] is inside. Its output `matte`
is a grey picture, 255 for hair. float16 is what phones run best; int8 halves the file (weights only, one scale a channel).
"""

import logging
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer.device.copy import for_device
from trainer.models import HAIR
from trainer.quiet import quiet
from trainer.runs import TrainedRun

with quiet(), warnings.catch_warnings(action="ignore"):
    import coremltools as ct

logging.getLogger("coremltools").setLevel(logging.ERROR)

LICENCE = {
    "imagenet": "Weights fine-tuned from Keras' MobileNet v1 (ImageNet, Apache-2.0). The photos' own licences apply.",
    "scratch": "Weights trained from scratch. The photos' own licences apply.",
}
EARLIEST = (1980, 1, 1, 0, 0, 0)  # zip knows no earlier date; one for all, so that the same package gives the same file


def export(trained: TrainedRun, set_hash: str, precision: str, folder: Path) -> Path:
    """Write `<network>.mlpackage` into the folder and a zip of it beside it, for download; the zip's path.

    `precision` is float32, float16 or int8.
    """
    with quiet(), np.errstate(invalid="ignore"):  # a channel that is all zeros has no scale to be divided by
        program = _named(_converted(trained, precision))
    _describe(program, trained, set_hash, precision)
    package = folder / f"{trained.name}.mlpackage"
    shutil.rmtree(package, ignore_errors=True)
    program.save(str(package))
    return zipped(package)


def _converted(trained: TrainedRun, precision: str) -> "ct.models.MLModel":
    model, size = for_device(trained.model), trained.size

    def matte(image: tf.Tensor) -> tf.Tensor:
        # One grey picture is (1, 1, H, W) to Core ML, and 0 to 255.
        return tf.transpose(model(image, training=False)[..., HAIR : HAIR + 1] * 255.0, (0, 3, 1, 2))

    signature = [tf.TensorSpec((1, size, size, 3), tf.float32, name="image")]
    concrete = tf.function(matte, input_signature=signature).get_concrete_function()
    image = ct.ImageType(
        name="image", shape=(1, size, size, 3), scale=1 / 127.5, bias=[-1.0] * 3, color_layout=ct.colorlayout.RGB
    )
    # A concrete function is the one form that converts under every Keras 3.
    program = ct.convert(
        [concrete],
        source="tensorflow",
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=ct.precision.FLOAT32 if precision == "float32" else ct.precision.FLOAT16,
        inputs=[image],
        outputs=[ct.ImageType(color_layout=ct.colorlayout.GRAYSCALE)],
        skip_model_load=True,
    )
    if precision == "int8":
        # Palettes are smaller still, but packages with them are reported to crash on load.
        linear = ct.optimize.coreml.OpLinearQuantizerConfig(mode="linear_symmetric", dtype=np.int8)
        program = ct.optimize.coreml.linear_quantize_weights(
            program, ct.optimize.coreml.OptimizationConfig(global_config=linear)
        )
    return program


def _named(program: "ct.models.MLModel") -> "ct.models.MLModel":
    spec = program.get_spec()  # the converter takes no name for an output, so it is renamed afterwards
    ct.utils.rename_feature(spec, spec.description.output[0].name, "matte")
    return ct.models.MLModel(spec, weights_dir=program.weights_dir, skip_model_load=True)


def _describe(program: "ct.models.MLModel", trained: TrainedRun, set_hash: str, precision: str) -> None:
    program.short_description = (
        f"Hair matte of a selfie crop, {trained.size} x {trained.size} pixels. Not for telling who somebody is."
    )
    program.input_description["image"] = f"An upright selfie crop, RGB, {trained.size} x {trained.size}."
    program.output_description["matte"] = "How much of each pixel is hair: grey, 0 for none, 255 for all."
    program.license = LICENCE[trained.encoder]
    program.version = f"run {trained.number}, epoch {trained.epoch}"
    program.user_defined_metadata.update(
        {
            "winnow.network": trained.name,
            "winnow.run": str(trained.number),
            "winnow.curated_set": str(trained.set_number),
            "winnow.curated_set_sha256": set_hash,
            "winnow.precision": precision,
            "winnow.colour_order": "RGB",
        }
    )


def zipped(package: Path) -> Path:
    """A zip beside the package, holding it as a folder."""
    file = package.with_name(f"{package.name}.zip")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner in sorted(path for path in package.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(inner.relative_to(package.parent)), EARLIEST)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, inner.read_bytes())
    return file
