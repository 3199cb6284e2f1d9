"""What the fork server imports and uses once before it forks workers: what every run needs.

No training step is taken here: it would look for a GPU, and a process that has done so cannot fork workers that use
one. No plug-in is imported here: it may raise, exit, hang or change its process, and that may cost its own runs only.
"""

import gc
import json
import os
import threading
from contextlib import suppress

import torch
from tqdm import tqdm

import nnet_models  # noqa: F401 - all that a run imports
from campaign.engines.workers.fork_server import WARM_DATA
from nnet.data import prepared
from nnet.perturbations.pixel_noise import PixelNoise
from nnet.perturbations.weight_noise import WeightNoise
from nnet.random import streams
from nnet.record import provenance

torch.set_num_threads(1)
torch.set_num_interop_threads(1)
_noise = WeightNoise(torch.nn.Linear(2, 2), "tensor_std")  # once, because that compiles it; likewise the pixels
_noise.draw(streams.normals(0, "weight_noise"))
with _noise.applied(1.0):
    pass
PixelNoise("replacement", 0.5, 0.0, 0)(torch.ones(1, 1, 2, 2))
provenance.provenance(torch.device("cpu"))
provenance.code_sha256()  # now, because this is the code that was imported, whatever is edited later
if WARM_DATA in os.environ:
    with suppress(Exception):  # the runs on these data say what is wrong with them
        prepared.verify(*json.loads(os.environ[WARM_DATA]))
tqdm.set_lock(threading.RLock())  # torch.fx makes one; its usual lock is a semaphore, which a killed worker leaves
gc.collect()
gc.freeze()
