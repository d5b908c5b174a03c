"""A LiteRT file read as a program: its weights as stored, and every tensor that it computes.

With int8, LiteRT also rounds what flows between the layers, by ranges that it measures on each image. `float_alpha` leaves that
out: it runs a copy whose int8 weights are stored as the float32 numbers that they stand for.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from flatbuffers import Builder
from numpy.typing import NDArray

from db.errors import WinnowError
from trainer.arrays import Image
from trainer.device.litert_runtime import LiteRt
from trainer.device.saved import StoredArray, StoredConvolution, Trace, stored_float, stored_int8
from trainer.quiet import quiet

OPERATION = schema.BuiltinOperator
CONVOLUTIONS = (OPERATION.CONV_2D, OPERATION.DEPTHWISE_CONV_2D)
FIRST_LAYERS = (*CONVOLUTIONS, OPERATION.PAD, OPERATION.MAX_POOL_2D)  # what precedes them scales the picture
NUMBERS = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT8: np.int8,
}


class LiteRtProgram:
    """A `.tflite` file's program."""

    def __init__(self, file: Path) -> None:
        """Raises WinnowError for a file that is missing or is not one of Winnow's LiteRT exports."""
        self._device = LiteRt(file)
        self.size = self._device.size
        data = file.read_bytes()
        self._model = schema.ModelT.InitFromPackedBuf(data, 0)
        [self._graph] = self._model.subgraphs
        with quiet():
            self._float = Interpreter(
                model_content=_with_float_weights(data),
                experimental_preserve_all_tensors=True,  # which the faster kernels don't
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            self._float.allocate_tensors()

    def convolutions(self) -> dict[str, StoredConvolution]:
        """The weights of every convolution, by the operation's name, in the program's order."""
        return {name: self._stored(code, op) for name, code, op in self._operations() if code in CONVOLUTIONS}

    def trace(self, image: Image) -> Trace:
        """Run the program on an image uint8 (size, size, 3) RGB."""
        [taken], [given] = self._graph.inputs, self._graph.outputs
        self._float.set_tensor(int(taken), image[None].astype(np.float32))
        self._float.invoke()
        operations = list(self._operations())
        computed = [(name, op) for name, code, op in operations if code != OPERATION.DEQUANTIZE]  # which unpacks weights
        results = {name: self._float.get_tensor(int(op.outputs[0])) for name, op in computed}
        first = next(op for _, code, op in operations if code in FIRST_LAYERS)
        return Trace(
            alpha=self._device.alpha(image),
            float_alpha=np.asarray(self._float.get_tensor(int(given))[0], np.float32),
            network_input=np.asarray(self._float.get_tensor(int(first.inputs[0]))[0], np.float32),
            tensors={name: tensor[0] for name, tensor in results.items() if tensor.ndim == 4},
        )

    def _operations(self) -> Iterator[tuple[str, int, Any]]:
        """The name, the code and the rest of each operation. It is named after its result."""
        for op in self._graph.operators:
            yield self._graph.tensors[op.outputs[0]].name.decode(), _code(self._model, op), op

    def _stored(self, code: int, op: Any) -> StoredConvolution:
        """A convolution's weights, turned to Keras' (h, w, in, out) from (out, h, w, in), or depthwise from (1, h, w, C)."""
        kernel, bias = (self._stored_array(at) for at in op.inputs[1:3])
        return StoredConvolution(kernel.transposed((1, 2, 3, 0)), bias)

    def _stored_array(self, at: int) -> StoredArray:
        source = next((op for _, code, op in self._operations() if code == OPERATION.DEQUANTIZE and op.outputs[0] == at), None)
        tensor = self._graph.tensors[at if source is None else source.inputs[0]]
        values = _values(self._model, tensor)
        if values.dtype != np.int8:
            return stored_float(values)
        quantisation = tensor.quantization
        if np.any(quantisation.zeroPoint):
            raise WinnowError("Weights with a zero point other than 0 cannot be checked here.")
        return stored_int8(values, np.asarray(quantisation.scale, np.float32), int(quantisation.quantizedDimension))


def _code(model: Any, op: Any) -> int:
    code = model.operatorCodes[op.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))  # old converters know only the second, which ends at 127


def _values(model: Any, tensor: Any) -> NDArray[Any]:
    numbers = NUMBERS.get(tensor.type)
    if numbers is None:
        raise WinnowError(f"Weights stored as type {tensor.type} cannot be checked here.")
    return np.frombuffer(bytes(model.buffers[tensor.buffer].data), numbers).reshape(tensor.shape)


def _with_float_weights(data: bytes) -> bytes:
    """The same model, with int8 weights stored as the float32 numbers that they stand for; the same bytes if it has none."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    [graph] = model.subgraphs
    int8 = [tensor for tensor in graph.tensors if tensor.type == schema.TensorType.INT8]
    if not int8:
        return data
    for tensor in int8:
        stored = stored_int8(
            _values(model, tensor),
            np.asarray(tensor.quantization.scale, np.float32),
            int(tensor.quantization.quantizedDimension),
        )
        model.buffers[tensor.buffer].data = np.frombuffer(stored.values.tobytes(), np.uint8)
        tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
    builder = Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
