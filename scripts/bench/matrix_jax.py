"""The matrix in JAX: vmap over seeds, scan over layers and steps, jit, one process per core, longest cells first."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

STEPS, SEEDS, WIDTH, BATCH, TRAIN, CHUNK = 300, 5, 64, 128, 1438, 10
CELLS = sorted(itertools.product((8, 24, 48), ("none", "pre", "post"), (True, False)), key=lambda cell: -cell[0])
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def dense(key: Any, fan_in: int, out: int) -> dict[str, Any]:
    return {"w": jax.random.normal(key, (fan_in, out)) / np.sqrt(fan_in), "b": jnp.zeros(out)}


def linear(p: dict[str, Any], h: Any) -> Any:
    return h @ p["w"] + p["b"]


def layer_norm(p: dict[str, Any], h: Any) -> Any:
    mean = h.mean(-1, keepdims=True)
    return (h - mean) * jax.lax.rsqrt(h.var(-1, keepdims=True) + 1e-5) * p["g"] + p["b"]


def initial(key: Any, depth: int) -> dict[str, Any]:
    """Return the parameters of a network, those of its blocks stacked."""
    stem, head, blocks = jax.random.split(key, 3)
    norm = {"g": jnp.ones(WIDTH), "b": jnp.zeros(WIDTH)}

    def block(k: Any) -> dict[str, Any]:
        first, second = jax.random.split(k)
        return {"fc1": dense(first, WIDTH, WIDTH), "fc2": dense(second, WIDTH, WIDTH), "norm": norm}

    stacked = jax.vmap(block)(jax.random.split(blocks, depth))
    return {"stem": dense(stem, 64, WIDTH), "blocks": stacked, "final": norm, "head": dense(head, WIDTH, 10)}


def network_loss(norm: str, residual: bool) -> Callable[..., Any]:
    """Return the loss function of a network."""

    def block(h: Any, p: dict[str, Any]) -> tuple[Any, None]:
        u = layer_norm(p["norm"], h) if norm == "pre" else h
        branch = linear(p["fc2"], jax.nn.relu(linear(p["fc1"], u)))
        out = h + branch if residual else branch
        return (layer_norm(p["norm"], out) if norm == "post" else out), None

    def loss(p: dict[str, Any], x: Any, y: Any) -> Any:
        h, _ = jax.lax.scan(block, linear(p["stem"], x), p["blocks"])
        logits = linear(p["head"], layer_norm(p["final"], h) if norm == "pre" else h)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], -1).mean()

    return loss


def trainer(loss: Callable[..., Any], x: Any, y: Any) -> Callable[..., Any]:
    """Return a compiled function that takes several steps of Adam for all seeds."""
    tree = jax.tree_util.tree_map

    def adam(state: Any, batch: Any) -> tuple[Any, Any]:
        p, m, v, t = state
        value, grads = jax.value_and_grad(loss)(p, x[batch], y[batch])
        t = t + 1
        m = tree(lambda a, g: 0.9 * a + 0.1 * g, m, grads)
        v = tree(lambda a, g: 0.999 * a + 0.001 * g * g, v, grads)
        scale = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        p = tree(lambda w, a, b: w - scale * a / (jnp.sqrt(b) + 1e-8), p, m, v)
        return (p, m, v, t), value

    return jax.jit(jax.vmap(lambda state, batches: jax.lax.scan(adam, state, batches)), donate_argnums=0)


def share(index: int, count: int) -> None:
    """Train every `count`-th cell and print the last losses of its seeds."""
    digits = load_digits()
    x = np.asarray(digits.data[:TRAIN], np.float32)
    x, y = jnp.asarray((x - x.mean()) / x.std()), jnp.asarray(digits.target[:TRAIN])
    rng = np.random.default_rng(0)
    for depth, norm, residual in CELLS[index::count]:
        keys = jnp.stack([jax.random.PRNGKey(seed) for seed in range(SEEDS)])
        params = jax.vmap(lambda key, depth=depth: initial(key, depth))(keys)
        zeros = [jax.tree_util.tree_map(jnp.zeros_like, params) for _ in range(2)]
        state, step = (params, *zeros, jnp.zeros(SEEDS)), trainer(network_loss(norm, residual), x, y)
        for _ in range(STEPS // CHUNK):
            batches = np.stack([rng.permutation(TRAIN)[: CHUNK * BATCH].reshape(CHUNK, BATCH) for _ in range(SEEDS)])
            state, losses = step(state, jnp.asarray(batches))
        print(depth, norm, residual, *(f"{float(end):.3g}" for end in losses[:, -1]), flush=True)


def main() -> None:
    if len(sys.argv) > 1:
        share(int(sys.argv[1]), int(sys.argv[2]))
        return
    cores = sorted(os.sched_getaffinity(0))
    workers = [
        subprocess.Popen(
            ["taskset", "-c", str(core), sys.executable, __file__, str(index), str(len(cores))],
            env={**os.environ, "XLA_FLAGS": ONE_THREAD, "OMP_NUM_THREADS": "1"},
        )
        for index, core in enumerate(cores)
    ]
    if any(worker.wait() for worker in workers):
        sys.exit("a worker failed")


if __name__ == "__main__":
    main()
