from .export import SIGNATURE as SIGNATURE
from .export import Export as Export
from .export import export_model as export_model
from .export import export_saved_model as export_saved_model
from .from_caffe import import_caffe as import_caffe
from .from_onnx import import_network as import_network
from .to_onnx import export_network as export_network
from .to_onnx import scale_presence as scale_presence
