"""Datasets, one per file.

Each file defines `read(data_dir) -> x_train, y_train, x_test, y_test` (NumPy arrays: images uint8 N×C×H×W,
labels int64 N from 0 up) and, where it reads files, `FILES`: their paths below the data folder.
`AUGMENTATION`, where it is stated, is what studies of that dataset usually do to training images.
"""
