"""Every operator against PyTorch: the lowering is built and run, and what the operator says of it is measured."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archdsl.ir import Misfit, Op, TensorType
from archdsl.ops import find, names
from tests.support.calls import op_of, types_of
from tests.support.lowered import (
    Form,
    beside,
    flops,
    forms,
    kept,
    lowered,
    predicted,
    real,
    results,
    sample,
    scratch,
    told,
)

CASES = {
    "conv": """
        conv(4, 3) [3, 9]
        conv(4, 3x3, pad=1) [3, 8, 7]
        conv(4, [1, 3], [2, 1], pad=half, dilation=[1, 2]) [2, 8, 9]
        conv(6, 3x3x3, 2, pad=[1, 0, 2], groups=2, bias=false) [4, 5, 6, 7]
        conv(4, 2x2, pad=same) [3, 7, 7]
        conv(4, 3x3, 2, pad=same, bias=false) [3, 8, 8]
        conv(4, 3, 2, pad=[[0, 2]]) [3, 8]
        conv(4, 2x2x2, pad=[[0, 1], [1, 1], [1, 0]]) [3, 4, 4, 4]
        conv(4, 3x3, 2, round=ceil) [3, 8, 8]
        conv(4, 3x3, 2, round=ceil, pad=1) [3, 8, 9]
        conv(4, 1x1, 3, round=ceil, pad=2) [3, 8, 7]
        conv(4, 3x3, pad=full) [3, 2, 2]
        conv(4, 8x8) [3, 8, 8]
        conv(3, 3x3, table=["XX.", ".XX"]) [2, 6, 6]
        conv(3, 3, table=["X X", "XX "], bias=false, pad=same) [2, 6]
        conv(2, 2x2x2, table=["XX", ".X"], pad=same, stride=1) [2, 4, 4, 4]
        conv(4, 3x3, pad=1, standardize=true, bias=false) [3, 6, 6]
        conv(4, 3x3, 2, pad=same, standardize=true, groups=2) [4, 8, 8]
        conv(4, 3, standardize=true) [2, 9]
        conv(4, 1x1x1, standardize=true) [2, 3, 3, 3]
        conv(4, 3x3, pad=1, parametrization=weight_norm) [3, 6, 6]
        conv(4, 3, 2, pad=same, bias=false, groups=2, parametrization=weight_norm) [4, 20]
        conv(4, 3x3, pad=1, parametrization=spectral_norm) [3, 9, 9]
        conv(2, 2x2x2, bias=false, parametrization=spectral_norm) [2, 4, 4, 4]
    """,
    "depthwise": """
        depthwise(3x3) [4, 7, 7]
        depthwise(3, 2, pad=same, multiplier=3) [4, 8]
        depthwise(3x3x3, pad=half, bias=false, dilation=1) [2, 5, 5, 5]
        depthwise(3, parametrization=weight_norm) [4, 30]
        depthwise(5x5, pad=half, dilation=2) [4, 9, 9]
    """,
    "locally_connected": """
        locally_connected(3, 3x3) [2, 7, 6]
        locally_connected(3, 3x3, 2, pad=1, bias=false) [2, 7, 7]
        locally_connected(3, [3, 2], [1, 2], pad=same) [2, 5, 5]
        locally_connected(4, 3, pad=half) [1, 9]
        locally_connected(3, 3, 3, bias=false) [1, 9]
        locally_connected(2, 2x2x2) [2, 4, 4, 3]
        locally_connected(5, 1x1) [2, 4, 4]
        locally_connected(5, 4x4) [2, 4, 4]
        locally_connected(1, 7x7, 4, pad=3) [1, 4, 4]
    """,
    "subsample": """
        subsample(2x2) [3, 8, 8]
        subsample(3x3, 2) [3, 8, 9]
        subsample(2) [3, 9]
        subsample(2x2x2, [1, 2, 2]) [3, 4, 4, 4]
    """,
    "rbf": """
        rbf(10) [84]
        rbf(3, trainable=true) [5]
    """,
    "maxpool": """
        maxpool(2x2) [3, 8, 8]
        maxpool(3x3, 2, pad=1) [3, 8, 9]
        maxpool(3x3, 2, round=ceil) [3, 8, 8]
        maxpool(2, dilation=3) [3, 9]
        maxpool(3, 2, pad=1, round=ceil) [3, 8]
        maxpool(2x2x2) [3, 4, 5, 6]
        maxpool(3x3, 2, pad=same) [3, 8, 8]
        maxpool(3x3, 2, pad=[[0, 1], [1, 0]], round=ceil) [3, 8, 8]
        maxpool(3, 2, pad=same) [3, 8]
        maxpool(2x2x2, 1, pad=same) [3, 4, 4, 4]
        maxpool(global) [3, 8, 7]
        maxpool(global) [3, 8]
        maxpool(global) [3, 4, 5, 6]
    """,
    "avgpool": """
        avgpool(2x2) [3, 8, 8]
        avgpool(3x3, 2, pad=1) [3, 8, 9]
        avgpool(3x3, 2, pad=1, count_pad=false) [3, 8, 9]
        avgpool(3x3, 2, round=ceil, count_pad=false) [3, 8, 8]
        avgpool(3, 2, pad=half, round=ceil) [3, 8]
        avgpool(2x2x2) [3, 4, 5, 6]
        avgpool(3x3, 2, pad=same) [3, 8, 8]
        avgpool(3x3, 2, pad=same, count_pad=false) [3, 8, 8]
        avgpool(3, 2, pad=[[0, 1]], round=ceil) [3, 7]
        avgpool(3x3, 1, pad=[[0, 1], [1, 0]], count_pad=false) [3, 6, 6]
        avgpool(2x2x2, 1, pad=same) [3, 4, 4, 4]
        avgpool(3x3x3, 1, pad=1) [3, 2, 4, 4]
        avgpool(3x3x3, 1, pad=1, count_pad=false) [3, 2, 4, 4]
        avgpool(2, 3, pad=[[1, 0]], round=ceil) [3, 9]
        avgpool(2, 3, pad=[[0, 1]], round=ceil) [3, 7]
        avgpool(global) [3, 8, 7]
        avgpool(global, pad=same, stride=1) [3, 8]
        avgpool(global) [3, 4, 5, 6]
    """,
    "adaptive_avgpool": """
        adaptive_avgpool(1) [3, 8, 7]
        adaptive_avgpool(7x7) [3, 7, 7]
        adaptive_avgpool([1, 3]) [3, 7, 7]
        adaptive_avgpool(3) [3, 7]
        adaptive_avgpool(1) [3, 7]
        adaptive_avgpool(9) [3, 7]
        adaptive_avgpool(2) [3, 4, 5, 6]
        adaptive_avgpool(1) [3, 4, 5, 6]
    """,
    "linear": """
        linear(10) [84]
        linear(3, bias=false) [5]
        linear(3) [5, 4]
        linear(3, bias=false) [5, 4]
        linear(3) [2, 5, 4]
        linear(3, parametrization=weight_norm) [4]
        linear(3, bias=false, parametrization=weight_norm) [5, 4]
        linear(3, parametrization=spectral_norm) [9, 4]
    """,
    "bn": """
        bn [4]
        bn [4, 5]
        bn(eps=1e-3, momentum=0.01) [4, 5, 6]
        bn [4, 3, 3, 3]
        bn(scale=false) [4, 5, 5]
        bn(shift=false) [4, 5]
        bn(scale=false, shift=false) [4, 5, 5]
        bn(scale=false, eps=1e-3) [4]
        bn(shift=false) [4, 3, 3, 3]
    """,
    "lrn": """
        lrn [6, 5, 5]
        lrn(5, alpha=1e-4, beta=0.75, k=2) [8, 5, 5]
        lrn(4) [3, 5]
        lrn(1, beta=1) [3, 3, 3, 3]
        lrn(5, beta=0.5) [1, 4, 4]
        lrn(9, beta=2) [3, 4]
    """,
    "leaky_relu": """
        leaky_relu [4, 5, 5]
        leaky_relu(0.2) [4, 5]
        leaky_relu(0) [4]
        leaky_relu(-0.1) [4]
    """,
    "prelu": """
        prelu [4, 5, 5]
        prelu(per_channel=true) [4, 5, 5]
        prelu(per_channel=true) [4]
        prelu(per_channel=true) [1, 5]
    """,
    "tanh": """
        tanh [4, 5, 5]
        tanh(gain=1.7159, slope=2/3) [4, 5, 5]
        tanh(gain=2) [4]
        tanh(slope=0.5) [4]
    """,
    "softmax": """
        softmax [7]
        softmax(axis=0) [4, 5, 5]
        softmax(-1) [4, 5]
        softmax(axis=1) [4, 5]
    """,
    "log_softmax": """
        log_softmax [7]
        log_softmax(axis=0) [4, 5, 5]
        log_softmax(-2) [4, 5]
    """,
    "dropout": """
        dropout [6]
        dropout(0.2) [4, 5, 5]
        dropout(0) [6]
        dropout(1) [6]
        dropout(0.2, channels=true) [4, 5]
        dropout(0.2, channels=true) [4, 5, 5]
        dropout(channels=true) [4, 3, 2, 5]
        dropout(0, channels=true) [4, 5]
        dropout(1, channels=true) [4, 5]
    """,
    "flatten": """
        flatten [4, 5, 5]
        flatten(1) [4, 5, 5]
        flatten(0, 1) [4, 5, 6]
        flatten(stop=-2) [4, 5, 6]
        flatten(-2) [4, 5, 6]
        flatten(1, 1) [4, 5, 6]
        flatten [4]
    """,
    "identity": "identity [4, 5, 5]",
    "split": """
        split(2) [4, 5, 5]
        split(1) [4]
        split([1, 3]) [4, 5]
        split(5, axis=-1) [4, 5]
        split([2, 2, 1], 1) [4, 5, 5]
    """,
    "unbind": """
        unbind [3, 4, 5]
        unbind(axis=1) [4, 2, 5]
        unbind(-1) [4, 3]
        unbind [1, 4]
    """,
    "add": """
        add [4, 5], unbatched [1, 4, 5]
        add int64 [4], unbatched int64 [4]
        add int32 [4, 5], int32 [4, 1], int32 [4, 5]
        add unbatched [4, 1], [4, 5]
        add [4, 5], unbatched [5]
        add unbatched [4, 1, 1], [4, 5, 5], unbatched [5]
        add unbatched [4, 5], unbatched [5]
        add [4, 5, 5], [4, 5, 5]
        add [4, 5, 5], [4, 1, 1]
        add [4, 1, 1], [4, 5, 5]
        add [4], [4], [4]
        add [4, 1], [1, 5], [4, 5], [4, 5]
        add [4, 5]
    """,
    "subtract": """
        subtract [4, 5, 5], [4, 5, 5]
        subtract [4, 5, 5], [1, 5, 1]
        subtract int64 [4, 5], int64 [1, 5]
    """,
    "multiply": """
        multiply [4, 5, 5], unbatched [4, 1, 1]
        multiply int64 [4, 5], unbatched int64 [1]
        multiply int64 [4, 1], int64 [1, 5], int64 [4, 5]
        multiply unbatched [1, 4, 1], [4, 5], [4, 5]
        multiply [4, 5, 5], [4, 5, 5]
        multiply [4, 5, 5], [4, 1, 1]
        multiply [4, 1], [1, 5], [4, 5], [4, 5]
        multiply [4, 5]
    """,
    "average": """
        average [4, 5, 5], [4, 5, 5]
        average [4, 5, 5], [4, 1, 1], [4, 5, 5]
        average [4, 5]
    """,
    "maximum": """
        maximum [4, 5, 5], [4, 5, 5]
        maximum [4, 1], [1, 5], [4, 5]
        maximum int64 [4, 5], int64 [4, 1]
        maximum [4, 5]
    """,
    "conv_transpose": """
        conv_transpose(4, 2x2, 2) [3, 5, 4]
        conv_transpose(4, 3x3, 2, pad=1, output_pad=1) [3, 5, 4]
        conv_transpose(4, 3, pad=half) [3, 9]
        conv_transpose(4, 4, 2, pad=same) [3, 9]
        conv_transpose(4, 4, 2, pad=1, parametrization=weight_norm) [3, 30]
        conv_transpose(4, 2x2, 2, bias=false, parametrization=spectral_norm) [3, 9, 9]
        conv_transpose(4, 3x2, 2, pad=same) [3, 4, 5]
        conv_transpose(4, 2x2, 3x4, pad=same, bias=false) [3, 4, 5]
        conv_transpose(4, 3x3, pad=same) [3, 4, 5]
        conv_transpose(4, 3x3, 2, pad=[[0, 1], [2, 0]]) [3, 5, 4]
        conv_transpose(4, 5x5, pad=full) [3, 8, 8]
        conv_transpose(4, 3x3, dilation=2, output_pad=1, groups=2) [4, 5, 4]
        conv_transpose(6, 2x3x2, [1, 2, 2], pad=[0, 1, 0], groups=3, bias=false) [3, 4, 4, 4]
        conv_transpose(2, 2x2x2, 1, pad=same) [3, 4, 4, 4]
        conv_transpose(4, 1x1) [3, 5, 4]
    """,
    "embedding": """
        embedding(10, 4) int64 [6]
        embedding(10, 4) int32 [6]
        embedding(2, 3) int64 [2, 5]
        embedding(2, 3) int64 []
    """,
    "attention": """
        attention(2) [5, 12]
        attention(3) [5, 12]
        attention(1) [40, 12]
        attention(12) [5, 12]
        attention(2, bias=false) [5, 12]
        attention(2, dropout=0.1) [5, 12]
        attention(2, dropout=1) [5, 12]
        attention(2, causal=true) [5, 12]
        attention(3, causal=true, dropout=0.1) [40, 12]
        attention(12, causal=true, bias=false) [40, 12]
        attention(2) [1, 12]
        attention(3) [5, 12], [7, 12]
        attention(2) [9, 12], [2, 12]
        attention(2, bias=false) [9, 12], [1, 12]
        attention(3, dropout=0.1) [5, 12], [7, 12]
        attention(12) [40, 12], [3, 12]
        attention(2) [1, 12], [7, 12]
    """,
    "ln": """
        ln [7]
        ln(eps=1e-6) [5, 4]
        ln(axis=0) [4, 5]
        ln(axis=0, eps=1e-6) [4, 5, 6]
        ln(1) [4, 5, 6]
        ln(axis=-1) [4, 5, 6]
        ln(axis=0) [4, 3, 3, 3]
        ln(shift=false) [5, 4]
        ln(scale=false, shift=false) [5, 4]
        ln(0, shift=false) [4, 5, 6]
        ln(0, scale=false, shift=false) [4, 5, 6]
    """,
    "gn": """
        gn(2) [4, 5, 6]
        gn(4) [4, 5, 6]
        gn(1, eps=1e-3) [4]
        gn(2) [4, 5]
        gn(2) [4, 3, 3, 3]
        gn(2, scale=false, shift=false) [4, 5, 6]
    """,
    "rms_norm": """
        rms_norm [5, 4]
        rms_norm(eps=1e-6) [7]
        rms_norm(axis=0) [4, 5, 6]
        rms_norm(axis=1) [4, 5, 6]
        rms_norm(eps=1e-6) [4, 5, 6]
        rms_norm [4, 5, 6, 2]
        rms_norm(axis=0) [4, 3, 3, 3]
        rms_norm [1, 4]
    """,
    "parameter": """
        parameter([1, 5, 4])
        parameter([4, 1, 1], init=1e-6)
        parameter([7], init=ones)
        parameter([7, 2], std=0.02)
    """,
    "lstm": """
        lstm(5) [4, 3]
        lstm(5) [1, 3]
        lstm(5) [2, 20]
        lstm(2, layers=2) [6, 3]
        lstm(2, layers=3, bias=false) [6, 3]
        lstm(5, bidirectional=true) [3, 4]
        lstm(5, layers=2, bidirectional=true) [3, 4]
        lstm(5, layers=3, bidirectional=true) [1, 40]
        lstm(3, layers=2, bias=false, bidirectional=true) [2, 40]
        lstm(3, bias=false) [9, 40]
        lstm(2, layers=2, dropout=0.2, final=true) [6, 3]
        lstm(5, bidirectional=true, final=true) [3, 4]
        lstm(5, layers=2) [3, 4], [2, 5], [2, 5]
        lstm(5, bidirectional=true, final=true) [3, 4], [2, 5], [2, 5]
    """,
    "rnn": """
        rnn(5) [4, 3]
        rnn(5) [1, 3]
        rnn(5) [2, 20]
        rnn(2, layers=3, bias=false, dropout=0.2) [6, 3]
        rnn(5, layers=2, bidirectional=true) [3, 4]
        rnn(5, layers=3, bidirectional=true) [1, 40]
        rnn(3, layers=2, bias=false, bidirectional=true, final=true) [2, 40]
        rnn(3, final=true) [9, 40]
        rnn(3, layers=2, bidirectional=true) [9, 4], [4, 3]
    """,
    "gru": """
        gru(5) [4, 3]
        gru(5) [1, 3]
        gru(5) [2, 20]
        gru(2, layers=2) [6, 3]
        gru(2, layers=3, bias=false) [6, 3]
        gru(5, bidirectional=true) [3, 4]
        gru(5, layers=2, bidirectional=true) [3, 4]
        gru(5, layers=3, bidirectional=true) [1, 40]
        gru(3, layers=2, bias=false, bidirectional=true) [2, 40]
        gru(3, bias=false) [9, 40]
        gru(2, layers=2, dropout=0.2, final=true) [6, 3]
        gru(5, bidirectional=true, final=true) [3, 4]
        gru(5, final=true) [3, 4], [1, 5]
        gru(5, layers=2, bidirectional=true, dropout=0.9, final=true) [3, 4]
    """,
    "sdpa": """
        sdpa [3, 5, 4], [3, 7, 4], [3, 7, 4]
        sdpa(causal=true) [3, 5, 4], [3, 5, 4], [3, 5, 4]
        sdpa(scale=0.3) [1, 5, 4], [1, 7, 4], [1, 7, 4]
        sdpa [3, 5, 4], [3, 7, 4], [3, 7, 4], unbatched bool [5, 7]
        sdpa [3, 5, 4], [3, 7, 4], [3, 7, 4], unbatched bool [3, 5, 7]
        sdpa [3, 5, 4], [3, 7, 4], [3, 7, 4], bool [1, 5, 7]
        sdpa [3, 5, 4], [3, 7, 4], [3, 7, 4], bool [3, 5, 7]
        sdpa [6, 5, 4], [3, 7, 4], [3, 7, 4]
        sdpa(causal=true) [6, 5, 4], [1, 5, 4], [1, 5, 4]
        sdpa [2, 6, 5, 4], [2, 3, 7, 4], [2, 3, 7, 4], unbatched bool [5, 7]
        sdpa(causal=true) [2, 2, 3, 5, 4], [2, 2, 3, 5, 4], [2, 2, 3, 5, 4]
        sdpa [3, 5, 4], [3, 7, 4], [3, 7, 9]
        sdpa [3, 5, 4], [3, 7, 4], [3, 7, 4], unbatched [5, 7]
        sdpa(scale=0.25) [3, 5, 4], [3, 7, 4], [3, 7, 4], unbatched [3, 5, 7]
        sdpa [3, 5, 4], [3, 7, 4], [3, 7, 4], [1, 5, 7]
        sdpa [6, 5, 4], [2, 7, 4], [2, 7, 4], [6, 1, 7]
        sdpa [2, 3, 5, 4], [2, 3, 7, 4], [2, 3, 7, 4], unbatched [3, 5, 7]
        sdpa [2, 3, 5, 2], [2, 3, 7, 2], [2, 3, 7, 2], unbatched bool [2, 1, 5, 7]
        sdpa [2, 3, 5, 4], [2, 3, 7, 4], [2, 3, 7, 4], bool [2, 1, 5, 7]
        sdpa(dropout=0.1) [3, 5, 4], [3, 7, 4], [3, 7, 4]
        sdpa(dropout=1) [3, 5, 4], [3, 7, 4], [3, 7, 4]
        sdpa(dropout=0.1, causal=true) [2, 3, 5, 4], [2, 3, 5, 4], [2, 3, 5, 4]
        sdpa(dropout=0.1) [6, 5, 4], [2, 7, 4], [2, 7, 4], unbatched bool [5, 7]
        sdpa(dropout=0.1) [3, 5, 4], [3, 7, 4], [3, 7, 4], unbatched [3, 5, 7]
        sdpa(dropout=1) [6, 5, 4], [3, 7, 4], [3, 7, 4], unbatched [5, 7]
    """,
    "constant": """
        constant([7], "i")
        constant([3, 8], "j // 2 ^ i % 2")
        constant([4, 5], "i - j / 2", persistent=false)
        constant([4, 4], "i >= j")
        constant([2, 3], "1")
        constant([2, 3], "0.5", persistent=false)
        constant([2, 3, 4], "true")
        constant([9, 9], "5 * (i // 3 - j // 3 + 2) + i % 3 - j % 3 + 2")
    """,
    "unpool": """
        unpool [3, 4, 4], int64 [3, 4, 4] places [[8, 8], [2, 2], [2, 2], [0, 0]]
        unpool [3, 4, 4], int64 [3, 4, 4] places [[9, 8], [2, 2], [2, 2], [0, 0]]
        unpool [3, 4, 4], int64 [3, 4, 4] places [[7, 8], [3, 3], [2, 2], [1, 1]]
        unpool [3, 4], int64 [3, 4] places [[8], [2], [2], [0]]
        unpool [3, 2, 3, 2], int64 [3, 2, 3, 2] places [[4, 6, 5], [2, 2, 2], [2, 2, 2], [0, 0, 0]]
    """,
    "upsample": """
        upsample(2) [3, 4, 5]
        upsample(2) [3, 4]
        upsample(2) [3, 2, 3, 4]
        upsample([2, 3]) [3, 4, 5]
        upsample(1.5) [3, 4, 5]
        upsample(0.5, mode=bilinear) [3, 4, 5]
        upsample(2, mode=bilinear) [3, 4, 5]
        upsample(3, mode=bilinear) [3, 4]
        upsample(2, mode=bilinear) [3, 2, 3, 4]
        upsample(2, mode=bicubic) [3, 4, 5]
        upsample(to=7x9) [3, 4, 5]
        upsample(to=7, mode=bilinear) [3, 4]
        upsample(mode=bilinear) [3, 4, 5], [2, 9, 7]
        upsample [3, 4], [2, 9]
        upsample(2, mode=bilinear, align_corners=true) [3, 4, 5]
        upsample(to=7, mode=bilinear, align_corners=true) [3, 4]
        upsample(mode=bilinear, align_corners=true) [3, 2, 4, 5], [2, 3, 4, 7]
        upsample(2, mode=bicubic, align_corners=true) [3, 4, 5]
    """,
    "drop_path": """
        drop_path [6]
        drop_path(0.2) [4, 5, 5]
        drop_path(0) [4, 5]
        drop_path(1) [4, 5]
    """,
    "abs": "abs [4, 5, 5]",
    "square": "square [4, 5, 5]",
    "sqrt": "sqrt [4, 5, 5]",
    "l2_normalize": """
        l2_normalize [7]
        l2_normalize(-1) [4, 5]
        l2_normalize [4, 5, 5]
        l2_normalize(1) [4, 5, 5]
    """,
    "permute": """
        permute([1, 0]) [4, 5]
        permute([1, 2, 0]) [4, 5, 6]
        permute([-1, 0, 1]) [4, 5, 6]
        permute([0]) [4]
        permute([0, 1]) [4, 5]
        permute([3, 0, 2, 1]) [2, 3, 4, 5]
    """,
    "reshape": """
        reshape([20]) [4, 5]
        reshape([2, 2, 5]) [4, 5]
        reshape([-1, 2]) [4, 5]
        reshape([1, 4, 1, 5]) [4, 5]
        reshape([6, 20]) [4, 5, 6]
        reshape([7]) [7]
        reshape([1]) []
    """,
    "pad": """
        pad(1) [3, 4, 5]
        pad(1) [3, 4]
        pad(1) [3, 2, 3, 4]
        pad([1, 2]) [3, 4, 5]
        pad([[0, 1], [2, 0]], value=-1.5) [3, 4, 5]
        pad(0, channels=[0, 4]) [3, 4, 5]
        pad(1, channels=[1, 2]) [3, 4]
        pad(1, channels=[1, 2], value=2) [3, 2, 3, 4]
        pad(0, channels=[1, 0]) [3]
        pad(0) [3, 4, 5]
        pad(2, mode=reflect) [3, 4, 5]
        pad([[0, 3]], mode=replicate) [3, 4]
        pad(1, mode=reflect) [3, 3, 3, 4]
        pad(1, mode=replicate) [3, 3, 3, 4]
        pad([[1, 0], [0, 2]], mode=circular) [3, 4, 5]
        pad(2, mode=circular) [3, 4]
        pad(1, mode=circular) [3, 2, 3, 4]
    """,
    "crop": """
        crop(1) [3, 4, 5]
        crop([[1, 0], [0, 2]]) [3, 4, 5]
        crop([0, 1]) [3, 4, 5]
        crop(0) [3, 4, 5]
        crop(1) [3, 4]
        crop [3, 8, 9], [2, 5, 5]
        crop(offset=2) [3, 8, 9], [2, 5, 5]
        crop(offset=[0, 4]) [3, 8, 9], [2, 5, 5]
        crop [3, 4, 5, 6], [3, 2, 2, 2]
    """,
    "select": """
        select(0) [4, 5]
        select(-1) [4, 5]
        select(2, axis=1) [4, 5, 6]
        select(0, axis=-1) [4, 5, 6]
        select(0) [4]
    """,
    "slice": """
        slice(1, 3) [4, 5]
        slice(1) [4]
        slice(-2, -1) [4, 5]
        slice(0, 3, axis=-1) [4, 5, 6]
        slice(0) [4, 5]
        slice(0, step=2) [4, 5]
        slice(1, step=2, axis=1) [4, 5, 6]
        slice(0, 5, axis=-1, step=3) [4, 5, 6]
        slice(1, step=9) [4, 5]
    """,
    "tile": """
        tile(3) [1, 4, 5]
        tile(2) [4]
        tile(2, axis=-1) [4, 5]
        tile(1) [4, 5]
    """,
    "stack": """
        stack [4, 5], [4, 5]
        stack(axis=1) [4, 5], [4, 5], [4, 5]
        stack(axis=-1) [4], [4]
        stack [4, 5, 6], [4, 5, 6]
        stack(axis=2) [4, 5, 6], [4, 5, 6]
        stack(axis=3) [4, 5, 6], [4, 5, 6]
        stack [4, 5]
        stack unbatched [1, 4, 5], [4, 5]
        stack unbatched [4, 5], unbatched [4, 5]
    """,
    "matmul": """
        matmul [4, 5], [5, 6]
        matmul [2, 4, 5], [2, 5, 6]
        matmul [2, 3, 4, 5], [2, 3, 5, 6]
        matmul [2, 4, 5], [1, 5, 6]
        matmul [1, 4, 5], [2, 5, 6]
        matmul [4, 5], unbatched [5, 6]
        matmul [2, 4, 5], unbatched [5, 6]
        matmul unbatched [4, 5], [5, 6]
        matmul unbatched [2, 4, 5], [2, 5, 6]
        matmul unbatched [1, 4, 5], [5, 6]
        matmul unbatched [4, 5], unbatched [5, 6]
        matmul [4, 5]
    """,
    "einsum": """
        einsum("h k n, h v n -> h k v") [4, 3, 6], [4, 5, 6]
        einsum("a b, b c -> a c") [4, 3], [3, 5]
        einsum("a b, b c -> c a") [4, 3], [3, 5]
        einsum("a b, a b -> a b") [4, 3], [4, 3]
        einsum("a b, a b -> a") [4, 3], [4, 3]
        einsum("a b, a b ->") [4, 3], [4, 3]
        einsum("a, b -> a b") [4], [3]
        einsum("a b c, c -> a") [4, 3, 5], [5]
        einsum("a, a b c -> b") [5], [5, 2, 3]
        einsum("n m k u, u v m -> n k v") unbatched [6, 6, 3, 1], [1, 5, 6]
        einsum("n m k u, u v m -> n k v") unbatched [6, 6, 3, 2], [2, 5, 6]
        einsum("h k n, n k v -> h v n") [4, 3, 6], [6, 3, 5]
        einsum("h k n, k v -> h v n") [4, 3, 6], [3, 5]
        einsum("b c, b -> c") [4, 3], [4]
        einsum("a b, b c, c d -> a d") [2, 3], [3, 4], [4, 5]
        einsum("a b, a, b -> a b") [2, 3], [2], [3]
        einsum("a b, b c, a c d -> d") [2, 3], [3, 4], [2, 4, 5]
        einsum("a b -> b a") [4, 3]
        einsum("a b c -> b") [4, 3, 5]
        einsum("a b -> a b") [4, 3]
        einsum("a b, b -> a") unbatched [4, 3], unbatched [3]
        einsum("a b, b c -> a c") unbatched [4, 3], unbatched [3, 5]
    """,
    "concat": """
        concat unbatched [1, 1, 5], [4, 5]
        concat(axis=1) [4, 5], unbatched [1, 4, 2]
        concat unbatched [2, 5], unbatched [4, 5]
        concat [4, 5, 5], [3, 5, 5]
        concat [4, 5], [4, 5], [1, 5]
        concat(axis=-1) [4, 5], [4, 2]
        concat(axis=1) [4, 5], [4, 2]
        concat [4, 5]
    """,
    "scale": """
        scale(0.125) [4, 5, 5]
        scale(-1) [7]
        scale(2/3) unbatched [7]
    """,
    "shift": """
        shift(1) [4, 5, 5]
        shift(-0.5) [7]
    """,
    "pow": """
        pow(2) [4, 5, 5]
        pow(-0.5) [7]
        pow(0) [7]
        pow(1) [4, 5]
    """,
    "clamp": """
        clamp(0, 1) [4, 5, 5]
        clamp(min=-0.5) [7]
        clamp(max=2) [4, 5]
    """,
    "divide": """
        divide [4, 5, 5], [4, 5, 5]
        divide [4, 5, 5], [1, 5, 1]
        divide [4, 5, 5], unbatched [4, 1, 1]
        divide unbatched [4, 1, 1], [4, 5, 5]
        divide [4, 5]
    """,
    "minimum": """
        minimum [4, 5, 5], [4, 5, 5]
        minimum [4, 1], [1, 5], [4, 5]
        minimum bool [4, 1], unbatched bool [1, 5]
        minimum [4, 5]
    """,
    "celu": """
        celu [4, 5, 5]
        celu(0.5) [7]
    """,
    "elu": """
        elu [4, 5, 5]
        elu(0.5) [7]
    """,
    "gelu": """
        gelu [4, 5, 5]
        gelu(approximate=true) [7]
    """,
    "glu": """
        glu(0) [4, 5, 5]
        glu(-1) [5, 4]
        glu(1) [4, 6, 5]
        glu(0) [2]
        glu [6]
    """,
    "reduce_mean": """
        reduce_mean(0) [4, 5, 6]
        reduce_mean([1, 2]) [4, 5, 6]
        reduce_mean([-1, 0], keep=true) [4, 5, 6]
        reduce_mean(0) [7]
        reduce_mean(1) unbatched [4, 5]
    """,
    "reduce_sum": """
        reduce_sum(0) [4, 5, 6]
        reduce_sum([2, 0], keep=true) [4, 5, 6]
        reduce_sum(-1) [4, 5]
    """,
    "reduce_max": """
        reduce_max(0) [4, 5, 6]
        reduce_max([1, 2], keep=true) [4, 5, 6]
        reduce_max(-1) [4, 5]
        reduce_max(0) [7]
    """,
    "argmax": """
        argmax(0) [4, 5, 6]
        argmax(-1) [4, 5]
        argmax(0) [7]
        argmax(-1) int64 [4, 5]
        argmax(0) int32 [7]
        argmax(0) unbatched [7, 2]
    """,
    "roll": """
        roll([-2, 1], [0, 1]) [4, 5, 6]
        roll(1, -1) [4, 5]
        roll(3, 1) [4, 5, 6]
        roll([1, 2, 3], [0, 1, 2]) [4, 5, 6]
        roll(0, 0) unbatched [4, 5]
    """,
    "flip": """
        flip(0) [4, 5]
        flip([1, 2]) [4, 5, 6]
        flip(-1) [7]
        flip(0) unbatched [4, 5]
    """,
    "cumsum": """
        cumsum(0) [4, 5]
        cumsum(-1) [4, 5, 6]
        cumsum(0) [7]
        cumsum(0) unbatched [4, 5]
        cumsum(0) [1, 5]
    """,
    "masked_fill": """
        masked_fill(-1e9) [3, 5, 5], unbatched bool [5, 5]
        masked_fill(0) [5, 4], bool [5, 1]
        masked_fill(0.5) [5, 4], bool [5, 4]
        masked_fill(-1) unbatched [5, 4], unbatched bool [1, 4]
        masked_fill(0) [1, 4], unbatched bool [3, 4]
        masked_fill(0) unbatched [3, 4], bool [3, 1]
    """,
    "compare": """
        compare(">") [5, 4], [5, 4]
        compare(">=", 0.5) [5, 4]
        compare("<") [5, 1], [1, 4]
        compare("!=") int64 [5, 4], unbatched int64 [4]
        compare("==", 0) bool [5, 4]
        compare("<=", -1) unbatched [3]
    """,
    "choose": """
        choose bool [5, 4], [5, 4], [5, 4]
        choose bool [5, 1], [5, 4], unbatched [4]
        choose unbatched bool [5, 4], [1, 4], [5, 1]
        choose bool [2], unbatched [2], unbatched [1]
        choose bool [5, 1], int64 [5, 4], unbatched int64 [4]
        choose bool [5, 4], bool [5, 4], bool [5, 1]
        choose unbatched bool [2, 3], unbatched [2, 3], unbatched [3]
    """,
    "cast": """
        cast(float32) bool [5, 4]
        cast(int64) [5, 4]
        cast(float32) [5, 4]
        cast(float64) [5, 4]
        cast(bool) unbatched int64 [5]
    """,
    "unfold": """
        unfold(3x3, pad=1) [3, 5, 6]
        unfold(2) [3, 5, 6]
        unfold([3, 1], 2, dilation=[2, 1], pad=[1, 0]) [2, 7, 6]
        unfold(4x4, 4) [1, 8, 8]
        unfold(1, 2) [4, 5, 5]
    """,
    "fold": """
        fold(3x3, pad=1, to=5x6) [27, 30]
        fold(4, 4, to=8) [16, 4]
        fold([3, 1], 2, dilation=[2, 1], pad=[1, 0], to=7x6) [6, 9]
        fold(1, 2, to=5) [4, 9]
    """,
    "expand": """
        expand unbatched [1, 4, 5], [3]
        expand unbatched [1, 7], [4, 5, 6]
        expand unbatched int64 [1, 7], [4]
    """,
    "detach": """
        detach [4, 5, 5]
        detach unbatched [7]
    """,
    "grid_sample": """
        grid_sample [3, 6, 7], [4, 5, 2]
        grid_sample(mode=nearest, beyond=border) [3, 6, 7], [4, 5, 2]
        grid_sample(mode=bicubic, beyond=reflection, align_corners=true) [3, 6, 7], [4, 5, 2]
        grid_sample [2, 3, 4, 5], [2, 3, 4, 3]
        grid_sample(align_corners=true) [1, 6, 7], [1, 1, 2]
    """,
    "pixel_shuffle": """
        pixel_shuffle(2) [8, 3, 4]
        pixel_shuffle(3) [9, 3, 4]
        pixel_shuffle(1) [2, 3, 4]
    """,
    "pixel_unshuffle": """
        pixel_unshuffle(2) [2, 6, 4]
        pixel_unshuffle(3) [1, 3, 6]
        pixel_unshuffle(1) [2, 3, 4]
    """,
    "take": """
        take [4, 5], unbatched int64 [3]
        take unbatched [9, 3], unbatched int64 [4, 4]
        take(axis=1) [4, 5, 6], unbatched int64 [2, 3]
        take(axis=-1) [4, 5], unbatched int64 [3]
        take unbatched [9, 3], int64 [4]
        take [2, 5], unbatched int64 [1]
        take [5, 4], int64 [3]
        take [5], int64 [7]
        take [5, 2, 3], int64 [3]
    """,
    "topk": """
        topk(3) [7]
        topk(2, axis=0) [4, 5]
        topk(1) [4, 5]
    """,
    "anchors": """
        anchors(32, [0.5, 1, 2], 4) [3, 5, 6]
        anchors([32, 64], 1, 8) [3, 1, 2]
    """,
    "clip_boxes": """
        clip_boxes [9, 4], [3, 10, 12]
    """,
    "nms": """
        nms(4, 0.5) [9, 4], [9]
        nms(12, 0.5) [9, 4], [9]
        nms(3, 0.7) [20, 4], [20], int64 [20]
        nms(3, 0.7) [20, 4], [20], unbatched int64 [20]
        nms(1, 0.7) [1, 4], [1]
    """,
    "roi_align": """
        roi_align(7, 16) [9, 4], [8, 10, 12]
        roi_align(3x2, 4, aligned=true, samples=3) [5, 4], [8, 10, 12]
        roi_align(2, 4, samples=1) [5, 4], [8, 1, 12]
        roi_align(7x7, 4) [6, 4], [8, 20, 24], [8, 10, 12], [8, 5, 6]
    """,
    "adaptive_maxpool": """
        adaptive_maxpool(1) [3, 8, 7]
        adaptive_maxpool([1, 3]) [3, 7, 7]
        adaptive_maxpool(3) [3, 7]
        adaptive_maxpool(9) [3, 7]
        adaptive_maxpool(2) [3, 4, 5, 6]
    """,
    "hard_tanh": """
        hard_tanh [4, 5, 5]
        hard_tanh(0, 20) [7]
    """,
}
PLAIN = "relu relu6 selu silu mish softplus sigmoid hard_sigmoid hard_swish"
PLAIN += " exp log reciprocal log_sigmoid softsign sin cos"
CASES |= {name: f"{name} [4, 5, 5]\n{name} [7]" for name in PLAIN.split()}

Case = tuple[Op, tuple[TensorType, ...]]


def case_of(line: str) -> Case:
    """`conv(4, 3x3) [3, 8, 8]`: a call and the shapes of its operands."""
    call, given = re.fullmatch(r"(\w+(?:\(.*\))?)(.*)", line).groups()  # type: ignore[union-attr]
    return op_of(call), types_of(given)


def lines() -> list[str]:
    return [line.strip() for text in CASES.values() for line in text.strip().splitlines()]


def test_every_operator_is_run() -> None:
    assert set(CASES) == names()


@pytest.mark.parametrize("line", lines())
def test_what_an_operator_says_is_what_pytorch_does(line: str) -> None:
    check(*case_of(line))


def check(op: Op, operands: tuple[TensorType, ...]) -> None:
    """Shapes, state, parameters, FLOPs and memory of every form, resolved or as written."""
    check_forms(op, operands)
    if (switching := op.with_switches()) is not None and fits(switching, operands):
        check_forms(switching, operands)
    resolved = op.resolve(*operands)
    assert resolved.resolve(*operands) == resolved
    assert resolved.infer(*operands) == op.infer(*operands)
    assert resolved.pytorch(*operands) == op.pytorch(*operands)
    assert resolved.summary()


def fits(op: Op, operands: tuple[TensorType, ...]) -> bool:
    try:
        op.infer(*operands)
    except Misfit:
        return False
    return True


def check_forms(op: Op, operands: tuple[TensorType, ...]) -> None:
    written = forms(op, *operands)
    assert written
    for form in written:
        for batch in (2, 3):
            check_run(op, operands, form, batch)
        if op.saved_in_place(operands, op.infer(*operands)) is not None:
            check_in_place(op, operands, form)


def check_run(op: Op, operands: tuple[TensorType, ...], form: Form, batch: int) -> None:
    torch.manual_seed(0)
    types = op.infer(*operands)
    module = lowered(op, *operands, form=form)
    inputs = tuple(sample(t, batch) for t in operands)
    found = results(module, inputs)
    assert [tuple(t.shape) for t in found] == [real(t.tensor_shape, batch) for t in types]
    assert all(lies(t, y, batch) for t, y in zip(found, types, strict=True))
    assert [str(t.dtype) for t in found] == [f"torch.{t.dtype}" for t in types]
    check_state(op, operands, module)
    # PyTorch runs all pairs of maps where a table joins only some.
    counted = op.replace(table=None) if "table" in op.attributes else op
    samples = batch if types[0].batched else 1
    assert flops(op, operands, form, batch) == 2 * samples * counted.macs(operands, types)
    assert told(op, kept(module, inputs)) == told(op, predicted(op.saved(operands, types), batch, len(types)))
    own = {t.data_ptr() for t in ([*module.parameters(), *module.buffers()] if op.is_source else inputs[:1])}
    is_alone = len(operands) == 1 and op.category == "merge" and op.name not in ("concat", "stack", "einsum", "compare")
    shares = found[0].untyped_storage().data_ptr() in own
    assert shares == (op.is_view(*operands) or is_alone or op.is_source)
    assert scratch(module, inputs) == beside(op, operands, batch)


def lies(found: Tensor, type: TensorType, batch: int) -> bool:
    """Whether elements lie where the type says. For those in order the stride of an axis of size 1 is no matter."""
    expected = real(type.tensor_strides, batch)
    return found.stride() == expected or (found.is_contiguous() and type.is_contiguous)


def check_state(op: Op, operands: tuple[TensorType, ...], module: nn.Module) -> None:
    state = op.state(*operands)
    held = [(name, tuple(t.shape), str(t.dtype)) for name, t in module.state_dict().items()]
    assert held == [(s.name or "learned", s.shape, f"torch.{s.dtype}") for s in state if s.is_in_state_dict]
    if op.is_source:
        assert sum(t.nbytes for t in (*module.parameters(), *module.buffers())) == sum(s.bytes for s in state)
    assert {n for n, _ in module.named_parameters()} == {s.name or "learned" for s in state if s.role == "parameter"}
    assert sum(p.numel() for p in module.parameters()) == sum(s.numel for s in state if s.role == "parameter")


def check_in_place(op: Op, operands: tuple[TensorType, ...], form: Form) -> None:
    types = op.infer(*operands)
    saved = op.saved_in_place(operands, types)
    assert saved is not None
    module = lowered(op, *operands, form=form, in_place=True)
    inputs = tuple(sample(t, 2) for t in operands)
    (plain,) = results(lowered(op, *operands, form=form), inputs)
    copies = tuple(x.clone() for x in inputs)
    (found,) = results(module, copies)
    assert found.data_ptr() == copies[0].data_ptr() and torch.equal(found, plain)
    if found.is_floating_point():
        found.sum().backward()
    told = predicted(saved, 2)
    measured = kept(module, inputs, before=Tensor.clone)
    # The operand's storage is the result's.
    assert measured.results == told.results and measured.extra == told.extra


@pytest.mark.parametrize("name", sorted(names() - {"embedding", "parameter", "constant"}))
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_other_types_of_floats(name: str, dtype: str) -> None:
    """A layer with weights takes the type of its weights alone; all others keep the type that they read."""
    op, operands = case_of(CASES[name].strip().splitlines()[0].strip())
    others = tuple(x._replace(dtype=dtype) if x.is_float else x for x in operands)
    if op.state(*operands):
        with pytest.raises(Misfit, match="float32 weights") as raised:
            op.infer(*others)
        assert raised.value.code == "wrong-dtype"
    elif (name, dtype) != ("lrn", "bfloat16"):  # PyTorch has this one on a GPU alone.
        check_forms(op, others)


SIGNED = [line for line in lines() if (op := case_of(line)[0]).is_never_negative or op.keeps_sign]


@pytest.mark.parametrize("line", SIGNED)
def test_what_is_never_negative(line: str) -> None:
    """Of operands that are not, where the operator only keeps the sign: some 0, some 1, so that edges overshoot."""
    op, operands = case_of(line)
    inputs = tuple(sample(x, 2) for x in operands)
    if not op.is_never_negative:
        inputs = tuple((x > 0.5).to(x.dtype) for x in inputs)
    for form in forms(op, *operands):
        for is_training in (True, False):
            module = lowered(op, *operands, form=form).train(is_training)
            assert all(bool((y >= 0).all()) for y in results(module, inputs))


def test_a_cubic_curve_overshoots() -> None:
    edge = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 1, 4, 4)
    (y,) = results(lowered(op_of("upsample(2, mode=bicubic)"), TensorType((1, 4, 4)), form="module"), (edge,))
    assert y.min() < 0


def random_window(rng: Random, rank: int, largest: int) -> Any:
    return rng.choice([rng.randint(1, largest), tuple(rng.randint(1, largest) for _ in range(rank))])


def random_pad(rng: Random, rank: int) -> Any:
    pairs = tuple((rng.randint(0, 2), rng.randint(0, 2)) for _ in range(rank))
    return rng.choice([0, 1, 2, "valid", "half", "same", "full", tuple(rng.randint(0, 2) for _ in range(rank)), pairs])


def random_case(rng: Random, name: str) -> Case:
    rank = rng.randint(1, 3)
    x = TensorType((rng.choice([2, 4]), *(rng.randint(1, 7) for _ in range(rank))))
    attributes: dict[str, Any] = {"window": random_window(rng, rank, 3), "stride": random_window(rng, rank, 3)}
    fields = {
        "pad": random_pad(rng, rank),
        "dilation": random_window(rng, rank, 2),
        "round": rng.choice(["floor", "ceil"]),
        "count_pad": rng.random() < 0.5,
        "bias": rng.random() < 0.5,
        "groups": rng.choice([1, 2]),
        "output_pad": rng.randint(0, 1),
        "channels": 2 * rng.randint(1, 2),
        "multiplier": rng.randint(1, 2),
        "standardize": rng.random() < 0.2,
    }
    kind = find(name)
    assert kind is not None
    attributes |= {k: v for k, v in fields.items() if k == "channels" or rng.random() < 0.6}
    return kind(**{k: v for k, v in attributes.items() if k in kind.fields()}), (x,)


WINDOWED = ["conv", "conv_transpose", "depthwise", "locally_connected", "subsample", "maxpool", "avgpool"]


@pytest.mark.parametrize("name", WINDOWED)
@pytest.mark.parametrize("seed", range(5))
def test_random_windows(name: str, seed: int) -> None:
    rng = Random(f"{name} {seed}")
    fitting = 0
    while fitting < 12:
        op, operands = random_case(rng, name)
        try:
            op.infer(*operands)
        except Misfit:
            continue
        fitting += 1
        check(op, operands)
