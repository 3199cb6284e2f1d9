"""A layer of adaptive leaky integrate-and-fire units with recurrent weights, and its gradient by a surrogate.

Bellec et al. 2018, "Long short-term memory and learning-to-learn in networks of spiking neurons" (NeurIPS,
arXiv:1803.09574), with the details of Büchel, Faber and Muir 2022 (ICLR). All times are in time steps.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from nnet.processor import plain_layers
from nnet.random.compiled import compiled


class Constants(NamedTuple):
    """What is the same for all units of a layer."""

    decay: float
    """ρ_V = exp(−1/τ) of the membrane potential."""
    decay_adaptation: float
    """ρ_b = exp(−1/τ_adaptation) of the adaptation."""
    threshold: float
    """Firing threshold without adaptation."""
    beta: float
    """How much of the adaptation is added to the threshold."""
    refractory: float
    """What a spike adds to a counter that falls by one per step: a unit with a counter above 0 is silent."""
    dampening: float
    """Height of the surrogate gradient."""


def spike_rates(
    currents: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, constants: Constants
) -> torch.Tensor:
    """The mean of each unit's spikes (0 or 1) over all time steps: B×n, differentiable by a surrogate.

    `currents`: input B×T×n; `weight`: n×n from unit to unit, whose diagonal counts as 0; `scale`: B×n, by which the
    spikes of a unit are multiplied on their way to other units. With the spikes z of the previous step, in each step

        b ← ρ_b b + (1 − ρ_b) z,   B = threshold + β b
        V ← ρ_V V + (1 − ρ_V)(I + (scale·z) W) − z B
        z ← [r = 0]·H(u),   u = (V − B)/B
        r ← clip(r + refractory·z − 1, 0, refractory)

    where all states start at 0. The derivative of H is taken as dampening·max(0, 1 − |u|); there is none through r.
    """
    if currents.device.type == "cpu" and not plain_layers():
        return _SpikeRates.apply(currents, weight, scale, constants)
    return _plain_rates(currents, weight, scale, constants)


def _plain_rates(currents, weight, scale, constants: Constants) -> torch.Tensor:
    """The same in PyTorch's own operations: on a GPU, and with NNET_PLAIN=1."""
    decay, slow, threshold, beta, refractory, dampening = constants
    weight = weight * (1 - torch.eye(len(weight), dtype=weight.dtype, device=weight.device))
    spikes = potential = adaptation = silence = total = torch.zeros_like(scale)
    for current in currents.unbind(1):
        adaptation = slow * adaptation + (1 - slow) * spikes
        level = threshold + beta * adaptation
        drive = current + (scale * spikes) @ weight
        potential = decay * potential + (1 - decay) * drive - spikes * level
        spikes = (silence <= 0) * _Spike.apply((potential - level) / level, dampening)
        silence = (silence + refractory * spikes.detach() - 1).clamp(0, refractory)
        total = total + spikes
    return total / currents.shape[1]


class _Spike(torch.autograd.Function):
    """H(u), whose derivative is taken as dampening·max(0, 1 − |u|)."""

    @staticmethod
    def forward(context, distance, dampening):
        context.save_for_backward(distance)
        context.dampening = dampening
        return (distance > 0).to(distance.dtype)

    @staticmethod
    @once_differentiable
    def backward(context, gradient):
        (distance,) = context.saved_tensors
        return gradient * context.dampening * (1 - distance.abs()).clamp(min=0), None


class _SpikeRates(torch.autograd.Function):
    """One sample after another, so that its states stay in the cache; where no unit spikes there is nothing to add.

    Kept for the gradient are B and u, or −2 instead of u where a unit is refractory: no spike and no slope.
    """

    @staticmethod
    def forward(context, currents, weight, scale, constants):
        samples, steps, units = currents.shape
        kept = steps if any(context.needs_input_grad) else 1
        distances, thresholds = (currents.new_empty((samples, kept, units)) for _ in range(2))
        rates = currents.new_empty((samples, units))
        weight = weight.clone().fill_diagonal_(0)
        arrays = [_array(tensor) for tensor in (currents, weight, scale, distances, thresholds, rates)]
        context.constants = np.array((0, 1, *constants), arrays[0].dtype)
        _forward(*[*arrays, context.constants])
        context.save_for_backward(weight, scale, distances, thresholds)
        return rates

    @staticmethod
    @once_differentiable
    def backward(context, gradient):
        weight, scale, distances, thresholds = context.saved_tensors
        of_currents, of_weight = torch.empty_like(distances), torch.zeros_like(weight)
        tensors = (gradient / distances.shape[1], weight, scale, distances, thresholds, of_currents, of_weight)
        _backward(*[*map(_array, tensors), context.constants])
        return of_currents, of_weight.fill_diagonal_(0), None, None


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@compiled
def _forward(currents, weight, scale, distances, thresholds, rates, constants):
    """Each loop over units writes one array of its own, so that the compiler can vectorise it."""
    samples, steps, units = currents.shape
    zero, one, decay, slow = constants[0], constants[1], constants[2], constants[3]
    threshold, beta, refractory = constants[4], constants[5], constants[6]
    drive, potential, adaptation = _empty(currents), _empty(currents), _empty(currents)
    silence, spikes, total = _empty(currents), _empty(currents), _empty(currents)
    every = distances.shape[1] == steps
    for sample in range(samples):
        potential[:], adaptation[:], silence[:], spikes[:], total[:] = zero, zero, zero, zero, zero
        for step in range(steps):
            distance, level = distances[sample, step * every], thresholds[sample, step * every]
            for unit in range(units):
                drive[unit] = currents[sample, step, unit]
            for unit in range(units):
                if spikes[unit] > zero:
                    for other in range(units):
                        drive[other] += scale[sample, unit] * weight[unit, other]
            for unit in range(units):
                adaptation[unit] = slow * adaptation[unit] + (one - slow) * spikes[unit]
            for unit in range(units):
                level[unit] = threshold + beta * adaptation[unit]
            for unit in range(units):
                inward = (one - decay) * drive[unit] - spikes[unit] * level[unit]
                potential[unit] = decay * potential[unit] + inward
            for unit in range(units):
                above = (potential[unit] - level[unit]) / level[unit]
                distance[unit] = above if silence[unit] <= zero else -one - one
            for unit in range(units):
                spikes[unit] = one if distance[unit] > zero else zero
            for unit in range(units):
                silence[unit] = min(max(silence[unit] + refractory * spikes[unit] - one, zero), refractory)
            for unit in range(units):
                total[unit] += spikes[unit]
        for unit in range(units):
            rates[sample, unit] = total[unit] / steps


@compiled
def _backward(gradient, weight, scale, distances, thresholds, of_currents, of_weight, constants):
    """From the last step to the first, with the gradients of the potential and of the adaptation carried along."""
    samples, steps, units = of_currents.shape
    zero, one, decay, slow = constants[0], constants[1], constants[2], constants[3]
    beta, dampening = constants[5], constants[7]
    of_distance, of_potential, of_adaptation = _empty(of_currents), _empty(of_currents), _empty(of_currents)
    carried, spikes, flow = _empty(of_currents), _empty(of_currents), _empty(of_currents)
    for sample in range(samples):
        of_potential[:], of_adaptation[:], carried[:], flow[:] = zero, zero, zero, zero
        for step in range(steps - 1, -1, -1):
            distance, level = distances[sample, step], thresholds[sample, step]
            before, begun = distances[sample, max(step - 1, 0)], one if step > 0 else zero
            for unit in range(units):
                slope = dampening * (one - abs(distance[unit]))
                of_distance[unit] = zero
                if slope > zero:
                    received = zero
                    for other in range(units):
                        received += flow[other] * weight[unit, other]
                    of_spike = gradient[sample, unit] + carried[unit] + scale[sample, unit] * received
                    of_distance[unit] = of_spike * slope
            for unit in range(units):
                spikes[unit] = begun if before[unit] > zero else zero
            for unit in range(units):
                of_potential[unit] = of_distance[unit] / level[unit] + decay * of_potential[unit]
            for unit in range(units):
                of_level = -of_distance[unit] * (distance[unit] + one) / level[unit] - spikes[unit] * of_potential[unit]
                of_adaptation[unit] = beta * of_level + slow * of_adaptation[unit]
            for unit in range(units):
                flow[unit] = (one - decay) * of_potential[unit]
            for unit in range(units):
                of_currents[sample, step, unit] = flow[unit]
            for unit in range(units):
                carried[unit] = (one - slow) * of_adaptation[unit] - level[unit] * of_potential[unit]
            for unit in range(units):
                if spikes[unit] > zero:
                    for other in range(units):
                        of_weight[unit, other] += scale[sample, unit] * flow[other]


@compiled
def _empty(array):
    return np.empty(array.shape[2], array.dtype)
