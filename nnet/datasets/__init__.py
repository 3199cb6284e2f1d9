"""Datasets, one per file.

Each file defines `read(data_dir) -> x_train, y_train, x_test, y_test`: NumPy arrays, images uint8 N×C×H×W and labels
int64 N from 0 up, which `nnet.data.validation` checks. With `INPUT = "sequences"` the samples are float32 N×T×C. If it
reads files, it states their paths below the data folder, or patterns of them, as `FILES`. `AUGMENTATION` is the usual
augmentation of that dataset, if there is one. If the file defines a class `Options`, `read` receives it as `options`.
"""
