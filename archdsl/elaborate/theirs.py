"""Arguments as PyTorch and Keras call and order them."""

from __future__ import annotations

DROPPED = "-"
READ_OFF = "it is read off the input"

POSITIONS = {
    "Conv.d": "- channels window stride pad dilation groups bias",
    "ConvTranspose.d": "- channels window stride pad output_pad groups bias dilation",
    "Linear": "- features bias",
    "BatchNorm.d": "- eps momentum",
    "LayerNorm": "-",
    "GroupNorm": "groups - eps",
    "MaxPool.d": "window stride pad dilation",
    "AvgPool.d": "window stride pad",
    "AdaptiveAvgPool.d": "out",
    "Dropout": "p -",
    "LeakyReLU": "slope -",
    "Embedding": "vocabulary features",
    "MultiheadAttention": "- heads",
    "Softmax": "axis",
    "Conv.D": "channels window stride pad",
    "Dense": "features",
    "MaxPooling.D": "window stride pad",
    "AveragePooling.D": "window stride pad",
    "LSTM": "- hidden layers bias",
    "GRU": "- hidden layers bias",
    "RNN": "- hidden layers",
}
"""The arguments of their modules by position, under the names that they have here."""
OURS = {
    "linear": "- features bias",
    "bn": "- eps momentum",
    "gn": "groups - eps",
    "attention": "- heads",
    **dict.fromkeys(("lstm", "gru", "rnn"), "- hidden layers bias"),
}
"""Operators of this language that are written with the arguments of PyTorch's."""
NAMES = {
    "kernel_size": "window", "kernel": "window", "pool_size": "window", "padding": "pad", "strides": "stride",
    "out_channels": "channels", "filters": "channels", "out_features": "features", "units": "features",
    "use_bias": "bias", "dilation_rate": "dilation", "output_padding": "output_pad", "rate": "p", "drop_prob": "p",
    "num_heads": "heads", "num_groups": "groups", "num_embeddings": "vocabulary", "input_dim": "vocabulary",
    "embedding_dim": "features", "output_dim": "features", "scale_factor": "scale", "negative_slope": "slope",
    "alpha": "slope", "output_size": "out", "kernel_shape": "window", "ksize": "window", "pads": "pad",
    "dilations": "dilation", "group": "groups", "epsilon": "eps", "num_filters": "channels", "num_layers": "layers",

    "hidden_size": "hidden", "count_include_pad": "count_pad",
    "axis": "axes", "size": "to", "dropout_rate": "p", "vocab_size": "vocabulary",
}  # fmt: skip
AXES = {"dim": "axis", "start_dim": "start", "end_dim": "stop"}
"""Arguments that count axes, the batch as 0."""
FUNCTIONS = {"range": "", "int": "floor"}
REASONS = {
    **dict.fromkeys(
        (
            "in_channels",
            "in_features",
            "num_features",
            "normalized_shape",
            "num_channels",
            "embed_dim",
            "input_shape",
            "input_size",
        ),
        READ_OFF,
    ),
    **dict.fromkeys(
        ("kernel_initializer", "bias_initializer", "kernel_regularizer", "trainable"), "weights are no part of a spec"
    ),
    **dict.fromkeys(("device", "dtype"), "inputs say their element type, and a spec runs anywhere"),
    "data_format": "channels come first",
    "name": "a label names a layer, as in `conv1: conv(64, 3x3)`",
    "inplace": "what can run in place is found when compiling",
    "batch_first": "shapes here have no batch axis",
}
"""Arguments that nothing takes here, each with the reason."""
ADVICE = {
    "weight": "weights that two layers share are a `parameter`: `table: parameter([100, 32]) as t`, in which "
    "`t -> take(index=ids)` looks up, as `embedding` does, and by which `matmul { | x | t -> permute([1, 0]) }` multiplies",
    "ceil_mode": "`round=ceil` rounds sizes up",
    **dict.fromkeys(("affine", "elementwise_affine"), "`scale=false, shift=false` leaves out what is learned"),
    "padding_mode": "put `pad(1, mode=reflect)` before it, and leave its own `pad` out",
    "return_sequences": "all steps are the result: `select(-1)` takes the last",
}
"""Arguments of others that are said in another way."""
