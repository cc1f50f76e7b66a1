"""Reading, fetching, preparing and rendering data; knows neither TensorFlow nor PyTorch nor click."""
