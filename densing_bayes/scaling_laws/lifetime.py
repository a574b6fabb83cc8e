"""Lifetime-optimal: the size and tokens that reach a loss at the least cost of training and use.

Training-optimal is not lifetime-optimal (Touvron et al. 2023, "LLaMA"; Sardana and Frankle 2023,
2401.00448): every token served costs in proportion to the size, so a model that will be used
much is better made smaller and trained longer. To reach loss L,

    minimise over N   c_t 6 N D(N) + c_s N T      with   loss(N, D(N)) = L

where T tokens are served, c_t is the cost of one training FLOP and c_s of one served token per
parameter (2 in FLOP with c_t = 1; money from the cost layer).
"""

from __future__ import annotations

import numpy as np

from densing_bayes import costs
from densing_bayes.devices import Device
from densing_bayes.errors import InputError, Problem
from densing_bayes.laws import Array
from densing_bayes.scaling_laws import form
from densing_bayes.scaling_laws.classic import FLOP_PER_PARAM_SERVED, FLOP_PER_PARAM_TOKEN


def lifetime_optimum(*, log_loss: Array, served: Array, centre: tuple[float, float],
                     law: form.Law, train_cost: Array = 1.0,
                     serve_cost: Array = FLOP_PER_PARAM_SERVED) -> dict[str, np.ndarray]:
    """Size, tokens and costs that reach a loss most cheaply over a model's life.

    Parameters
    ----------
    log_loss
        ln of the loss to reach; NaN comes back where no model of the law reaches it.
    served
        T, tokens that the model will generate.
    centre
        (ln N0, ln D0) of the ladder.
    law
        Draws of a law's parameters (`form.log_loss`).
    train_cost, serve_cost
        Cost per training FLOP, and per served token and parameter, in one unit.

    Returns
    -------
    dict
        params, tokens, train_cost, serve_cost, and the training-optimal params and tokens.

    Notes
    -----
    With u the size term and s the whole bracket at the loss wanted, the derivative in ln N is
    6 c_t D [1 - (alpha u)/(beta (s - u))] + c_s T, rising in N: one root, below the
    training-optimal size, found by bisection.

    Examples
    --------
    >>> law = form.from_constants(centre=(0.0, 0.0), log_a=6.178, alpha=0.3478, log_b=7.643,
    ...                           beta=0.3659, irreducible=1.8169)
    >>> wanted = form.log_loss(size=np.log(73e9), token=np.log(1.3e12), **law)
    >>> best = lifetime_optimum(log_loss=wanted, served=1e13, centre=(0.0, 0.0), law=law)
    >>> print(f"{best['params'] / 1e9:.0f}B on {best['tokens'] / 1e12:.1f}T tokens")
    34B on 3.7T tokens
    """
    alpha, beta = law["alpha"] / law["joint"], law["beta"] / law["joint"]
    share = law["size_share"]
    bracket = np.exp(-form.gain_of_loss(log_loss=log_loss, **law) / law["joint"])
    with np.errstate(divide="ignore", invalid="ignore"):
        smallest = (np.log(share) - np.log(bracket)) / alpha  # where tokens would be infinite
        # training-optimal: the size term is beta / (alpha + beta) of the bracket
        largest = smallest + np.log((alpha + beta) / beta) / alpha

    def tokens(size: Array) -> Array:
        rest = bracket - share * np.exp(-alpha * size)
        return np.exp(centre[1] - np.log(rest / (1 - share)) / beta)

    def slope(size: Array) -> Array:
        term = share * np.exp(-alpha * size)
        steep = 1 - alpha / beta * term / (bracket - term)
        return FLOP_PER_PARAM_TOKEN * train_cost * tokens(size) * steep + serve_cost * served

    low, high = smallest, largest
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _step in range(form.BISECTIONS):
            middle = (low + high) / 2
            below = slope(middle) < 0
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        params, data = np.exp(centre[0] + high), tokens(high)
        return {
            "params": params, "tokens": data,
            "train_cost": FLOP_PER_PARAM_TOKEN * train_cost * params * data,
            "serve_cost": serve_cost * params * served,
            "training_params": np.exp(centre[0] + largest), "training_tokens": tokens(largest),
        }


def money_costs(device: Device, *, train_utilisation: float = 0.4, serve_utilisation: float = 0.4,
                bandwidth_utilisation: float = 0.6, tokens_per_read: float = 32.0,
                bits: float = 16.0, life_years: float = 4.0, busy: float = 0.5,
                usd_per_kwh: float = 0.1) -> dict[str, float]:
    """``train_cost`` (USD per FLOP) and ``serve_cost`` (USD per token and parameter) of a device.

    A second of the device costs its price over the seconds it works, and power
    (`costs.token_money`). Serving a parameter reads it once per ``tokens_per_read`` tokens and
    computes with it (`costs.read_time`, `costs.compute_time`).

    Raises
    ------
    InputError
        Where hardware.csv states no rate, price or power for the device.
    """
    problems = [Problem(f"device '{device.name}' has no {what}", file="hardware.csv",
                        column=column)
                for what, column, value in (("FP16 rate", "fp16_tflops", device.rate),
                                            ("price", "price_usd", device.price),
                                            ("power", "tdp_w", device.power))
                if value is None]
    if problems:
        raise InputError(problems)
    second = costs.token_money(
        time=1.0, price=device.price, life=life_years * costs.SECONDS_PER_YEAR, busy=busy,
        power=device.power, usd_per_kwh=usd_per_kwh)
    per_parameter = (
        costs.read_time(bandwidth=device.bandwidth, bits=bits, tokens_per_read=tokens_per_read,
                        utilisation=bandwidth_utilisation)
        + costs.compute_time(rate=device.rate, utilisation=serve_utilisation))
    return {"train_cost": float(second / (device.rate * train_utilisation)),  # type: ignore[operator]
            "serve_cost": float(second * per_parameter)}
