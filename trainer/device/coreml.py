"""Export a run to a Core ML package (`.mlpackage`), for Xcode and `MLModel` on iOS 16 and later.

Its input `image` is an RGB picture S x S, 0 to 255, of the model's size S; the scaling to [-1, 1] is part of the model. Its
output `matte` is a grey picture S x S, 0 to 255, 255 for hair. Phones run float16 best; int8 halves the file size (weights
only, one scale per channel).
"""

import logging
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer.arrays import HAIR
from trainer.device.copy import for_device
from trainer.device.formats import ExportPrecision
from trainer.quiet import quiet
from trainer.runs import TrainedRun

with quiet(), warnings.catch_warnings(action="ignore"):
    import coremltools as ct

logging.getLogger("coremltools").setLevel(logging.ERROR)

LICENCE = {
    "imagenet": "Weights fine-tuned from Keras' MobileNet v1 (ImageNet, Apache-2.0). The photos' own licences apply.",
    "scratch": "Weights trained from scratch. The photos' own licences apply.",
}
EARLIEST = (1980, 1, 1, 0, 0, 0)  # zip's first date. All entries have it, so that equal packages give equal files


def export(trained: TrainedRun, set_hash: str, precision: ExportPrecision, folder: Path) -> Path:
    """Write `<network>.mlpackage` into the folder and a zip of it beside it, for download; returns the zip's path.

    `set_hash` is the curated set's content hash, written into the package's metadata.
    """
    with quiet(), np.errstate(invalid="ignore"):  # quantising a channel that is all zeros divides by 0
        program = _named(_converted(trained, precision))
    _describe(program, trained, set_hash, precision)
    package = folder / f"{trained.network}.mlpackage"
    shutil.rmtree(package, ignore_errors=True)
    program.save(str(package))
    return zipped(package)


def _converted(trained: TrainedRun, precision: ExportPrecision) -> "ct.models.MLModel":
    model, size = for_device(trained.model), trained.size

    def matte(image: tf.Tensor) -> tf.Tensor:
        # In Core ML a grey picture is (1, 1, H, W), 0 to 255.
        return tf.transpose(model(image, training=False)[..., HAIR : HAIR + 1] * 255.0, (0, 3, 1, 2))

    signature = [tf.TensorSpec((1, size, size, 3), tf.float32, name="image")]
    concrete = tf.function(matte, input_signature=signature).get_concrete_function()
    image = ct.ImageType(
        name="image", shape=(1, size, size, 3), scale=1 / 127.5, bias=[-1.0] * 3, color_layout=ct.colorlayout.RGB
    )
    # A concrete function is the only form that converts under every Keras 3.
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
        # Palettised weights are smaller still, but such packages are reported to crash on load.
        linear = ct.optimize.coreml.OpLinearQuantizerConfig(mode="linear_symmetric", dtype=np.int8)
        program = ct.optimize.coreml.linear_quantize_weights(
            program, ct.optimize.coreml.OptimizationConfig(global_config=linear)
        )
    return program


def _named(program: "ct.models.MLModel") -> "ct.models.MLModel":
    spec = program.get_spec()  # the converter cannot name an output, so it is renamed afterwards
    ct.utils.rename_feature(spec, spec.description.output[0].name, "matte")
    return ct.models.MLModel(spec, weights_dir=program.weights_dir, skip_model_load=True)


def _describe(program: "ct.models.MLModel", trained: TrainedRun, set_hash: str, precision: ExportPrecision) -> None:
    program.short_description = (
        f"Hair matte of a selfie crop, {trained.size} x {trained.size} pixels. Not for identifying people."
    )
    program.input_description["image"] = f"An upright selfie crop, RGB, {trained.size} x {trained.size}."
    program.output_description["matte"] = "How much of each pixel is hair: grey, 0 for none, 255 for all."
    program.license = LICENCE[trained.encoder]
    program.version = f"run {trained.number}, epoch {trained.epoch}"
    program.user_defined_metadata.update(
        {
            "winnow.network": trained.network,
            "winnow.run": str(trained.number),
            "winnow.curated_set": str(trained.set_number),
            "winnow.curated_set_sha256": set_hash,
            "winnow.precision": precision,
            "winnow.colour_order": "RGB",
        }
    )


def zipped(package: Path) -> Path:
    """A zip file beside the package, which contains it as a folder; returns its path."""
    file = package.with_name(f"{package.name}.zip")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner in sorted(path for path in package.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(inner.relative_to(package.parent)), EARLIEST)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, inner.read_bytes())
    return file
