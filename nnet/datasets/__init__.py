"""Datasets, one per file.

Each file defines `read(data_dir) -> x_train, y_train, x_test, y_test`: NumPy arrays, images uint8 N×C×H×W and labels
int64 N from 0 up, which `nnet.data.validation` checks. If it reads files, it states their paths below the data folder
as `FILES`. `AUGMENTATION` is the usual augmentation of that dataset, if there is one.
"""
