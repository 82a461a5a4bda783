"""The estimate of what a GPU takes: its arithmetic by hand, and its place in the benchmark's table."""

import argparse

import pytest
import torch
from benchmark_modules import FOLDER, importable

if not FOLDER.exists():
    pytest.skip("the benchmarks are not in source distributions", allow_module_level=True)
OPTIONS = argparse.Namespace(model="pminivgg", images=8, rows=16, timesteps=10)


@pytest.fixture(scope="module")
def module():
    """A module of the benchmarks by its name."""
    with importable() as imported:
        yield imported


@pytest.fixture(scope="module")
def roofline(module):
    return module("roofline")


@pytest.fixture(scope="module")
def gpu(roofline):
    """Of 1,000 operations and 100 bytes per second."""
    return roofline.GPU("toy", "Toy", {"fp32": 1000.0, "tf32": 2000.0, "bf16": 4000.0}, 100.0, "nobody")


def counted(roofline, gpu, call, precision="fp32"):
    with roofline.Roofline(gpu, precision) as found:
        call()
    return found


def test_a_product_by_hand(roofline, gpu):
    one, other = torch.zeros(100, 50), torch.zeros(50, 20)
    found = counted(roofline, gpu, lambda: one @ other)
    assert found.flops == 2 * 100 * 50 * 20
    assert found.seconds == pytest.approx(max(200_000 / 1000, 4 * (5000 + 1000 + 2000) / 100))
    assert found.by_memory == found.seconds  # 320 s of bytes, 200 s of arithmetic
    faster = roofline.GPU("toy", "Toy", gpu.rates, 1000.0, "nobody")
    assert counted(roofline, faster, lambda: one @ other).seconds == pytest.approx(200)
    assert counted(roofline, faster, lambda: one @ other).by_memory == 0


@pytest.mark.parametrize(
    ("call", "size"),
    [
        (lambda x: x.view(-1), 0),
        (lambda x: x[2:].permute(1, 0), 0),
        (lambda x: torch.empty_like(x), 0),
        (lambda x: x.add_(1), 2 * 400),  # read and written
        (lambda x: x + x, 3 * 400),
        (lambda x: torch.mul(x, 2, out=torch.empty_like(x)), 2 * 400),  # memory for a result is not read
        (lambda x: x + torch.zeros(1, dtype=x.dtype).expand(10, 10), 2 * 400 + 2 * 4),  # of what is expanded, what there is
    ],
)
def test_bytes_by_hand(roofline, gpu, call, size):
    x = torch.zeros(10, 10)
    assert counted(roofline, gpu, lambda: call(x)).seconds == pytest.approx(size / 100)


def test_only_convolutions_are_computed_in_tf32(roofline):
    quick = roofline.GPU("toy", "Toy", {"fp32": 1.0, "tf32": 2.0, "bf16": 4.0}, 1e12, "nobody")
    maps, kernel = torch.zeros(1, 2, 5, 5), torch.zeros(3, 2, 3, 3)
    flops = 2 * 9 * 3 * 2 * 9
    for precision, rate in (("fp32", 1), ("tf32", 2)):
        assert counted(roofline, quick, lambda: torch.conv2d(maps, kernel), precision).seconds == pytest.approx(flops / rate)
    rounded = counted(roofline, quick, lambda: torch.conv2d(maps.bfloat16(), kernel.bfloat16()), "bf16")
    assert rounded.seconds == pytest.approx(flops / 4)
    square = torch.zeros(4, 4)
    assert counted(roofline, quick, lambda: square @ square, "tf32").seconds == pytest.approx(128)


@pytest.fixture(scope="module")
def estimates(roofline):
    return {precision: roofline.Estimates(roofline.GPUS[0], precision, OPTIONS).workloads() for precision in ("fp32", "bf16")}


def test_a_small_model(estimates):
    for found in estimates.values():
        assert list(found) == ["a fig4", *(f"b fig3 pcoder {number}" for number in range(1, 5)), "c fig2"]
        assert all(1e-8 < each.seconds < 1e-3 and 0 <= each.by_memory <= 1 for each in found.values())
        assert all(found[f"b fig3 pcoder {number}"].seconds < found["a fig4"].seconds for number in range(1, 5))
    assert estimates["bf16"]["a fig4"].seconds < estimates["fp32"]["a fig4"].seconds


def test_a_hundred_timesteps_are_no_more_per_timestep(roofline, estimates, monkeypatch):
    first = {"a fig4": roofline.packs(4)["a fig4"]}
    monkeypatch.setattr(roofline, "packs", lambda pcoders: first)
    longer = argparse.Namespace(**{**vars(OPTIONS), "timesteps": 100})
    found = roofline.Estimates(roofline.GPUS[0], "bf16", longer).workloads()["a fig4"].seconds
    assert found == pytest.approx(estimates["bf16"]["a fig4"].seconds, rel=0.3)
    assert found > estimates["bf16"]["a fig4"].seconds  # t = 0, which all points share, is a smaller part


def test_the_gpus_by_their_own_names(roofline):
    names = {"NVIDIA H100 80GB HBM3": "H100 SXM", "NVIDIA A100-SXM4-80GB": "A100 SXM", "NVIDIA GeForce RTX 4090": "RTX 4090"}
    assert {name: roofline.known(name).name for name in names} == names
    for other in ("Tesla T4", "NVIDIA H100 PCIe", "NVIDIA A100-SXM4-40GB", "NVIDIA GeForce RTX 4090 Laptop GPU"):
        assert roofline.known(other) is None
    assert roofline.estimated("Tesla T4", OPTIONS) == {}


def test_the_estimate_stands_beside_what_is_measured(module, roofline):
    speed, workloads = module("speed"), module("workloads")
    measured = workloads.Result("a fig4", {"ours": workloads.Side([2e-3, 4e-3], 1e9), "reference": workloads.Side([9e-3])})
    estimates = {"a fig4": roofline.Estimate(1e-3, 0.5, 1e9)}
    (other, beside) = (speed.with_estimate(measured, each) for each in ({}, estimates))
    assert other is measured
    table = speed.speed_table([beside], 1e12)
    sides, ratios = (list(table.columns[place].cells) for place in (1, 4))
    assert sides == ["ours", "reference", "estimate (roofline)"]
    assert ratios == ["", "3.00", "0.33"]  # the GPU takes three times its bound
    assert beside.plain()["sides"]["estimate (roofline)"]["median"] == 1e-3


def test_make_passes_the_device_on():
    text = (FOLDER.parent / "Makefile").read_text()
    assert "DEVICE ?= auto\n" in text
    assert "benchmarks/speed.py --growth --memory --profile --device $(DEVICE)" in text
