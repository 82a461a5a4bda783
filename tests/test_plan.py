"""The printed plan of a grid."""

import re

from commands import run


def planned(folder, *words):
    return run("dataset.limit=4", "timesteps=3", *words, module="pcsweep.plan", folder=folder)


def test_a_grid_is_counted_and_nothing_is_computed_or_left(tmp_path):
    done = planned(tmp_path, "-m", "pcoder.beta=0.2,0.4,0.9", "pcoder.lambda=0.2", "noise.sigma=0.1,0.4")
    assert done.returncode == 0, done.stderr
    assert "4 points, finished ones included, in 2 packs, 2 skipped (β + λ > 1); 64 image-timesteps" in done.stdout
    assert "4 points of pminivgg with non-zero 1:βλα  2:βλα  3:βλα  4:βα" in done.stdout
    assert re.search(r"On this device about \d+ seconds", done.stdout)
    assert list(tmp_path.iterdir()) == []


def test_one_active_pcoder_shares_what_is_below_it(tmp_path):
    done = planned(tmp_path, "pcoder.active=[3]")
    assert done.returncode == 0, done.stderr
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if line.startswith("│")]
    rows = {(1 + number // 3, span): rest for number, (_, span, *rest) in enumerate(lines)}  # t = 0, 1 and 2–3 of each pcoder
    assert rows[1, "2–3"] == ["skipped", "skipped", "skipped", "shared"]
    drive, prediction, gradient, state = rows[3, "2–3"]
    assert (drive, state) == ("shared", "computed")
    assert prediction.startswith("computed 0.0")
    assert gradient.startswith("computed 0.0")
    assert rows[4, "2–3"][0].startswith("computed 0.0")


def test_a_pack_of_two_structures_shares_what_begins_alike(tmp_path):
    """At t = 1 predictions and gradients are made from the states at t = 0, which all points of a pack have in common."""

    def first_steps(*words):
        lines = planned(tmp_path, *words).stdout.splitlines()
        cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
        return [row[3:5] for row in cells if row[1] == "1"]

    together = first_steps("-m", "pcoder.alpha=0.01,0")
    assert len(together) == 8  # two tables of four pcoders
    assert {word for row in together for word in row} == {"shared", "skipped"}
    alone = first_steps("pcoder.alpha=0.01")
    assert {cell.split()[0] for row in alone for cell in row} == {"computed"}


def test_what_metrics_ask_of_the_network_is_said_with_its_cost(tmp_path):
    done = planned(tmp_path, "metrics=[iou,insertion,deletion]", "faithfulness.steps=9", "faithfulness.timesteps=[2]")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "without attribution and metrics but insertion and deletion" in said
    assert "insertion and deletion ask the network about 20 other images for each map at t = 0, 2, each from t = 0 on" in said
    assert "80 timesteps for each image and point" in said  # 2 metrics · 10 points of a curve · (1 + 3) timesteps
    assert re.search(r"G multiplications more, about (1[5-9]|20) times the rest", said)  # 80 timesteps beside 4
    assert "other images" not in planned(tmp_path).stdout


def test_help_says_what_the_words_of_the_table_mean(tmp_path):
    done = planned(tmp_path, "--help")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("computed", "shared", "skipped"))


def test_a_wrong_value_is_refused_and_a_grid_of_skipped_points_said(tmp_path):
    refused = planned(tmp_path, "-m", "pcoder.beta=0.5,1.3")
    assert refused.returncode == 2
    assert "point 1: Expected `beta` to be in [0, 1], but got 1.3." in refused.stderr
    assert "1 point, all skipped (β + λ > 1)" in planned(tmp_path, "pcoder.beta=0.9", "pcoder.lambda=0.9").stdout


def test_passes_of_the_head_that_an_attribution_takes_are_said_and_timed(tmp_path):
    done = planned(tmp_path, "-m", "attribution=ablation_cam,hires_cam", "pcoder.beta=0.2,0.4")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    # 4 images: once at t = 0, and at t = 1 to 3 of both points.
    assert "The attribution ablation_cam on pminivgg takes up to 65 passes of the head for each of 28 maps:" in said
    assert "hires_cam" not in said
    assert re.search(r"On this device about \d+ seconds, without metrics, and attribution but for these passes:", said)


def test_a_list_of_cells_is_planned_without_m_and_takes_the_place_of_a_grid(tmp_path):
    (tmp_path / "cells.csv").write_text("pcoder.beta,noise.sigma\n0.2,0.1\n0.4,0.4\n0.4,0.4\n")
    done = planned(tmp_path, "cells=cells.csv", "experiment=demo")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "cells.csv: 1 row is the same as another (line 4), and computed once." in said
    assert "cells.csv takes the place of the grid (noise.sigma, pcoder.beta, pcoder.lambda)." in said
    assert "2 points, finished ones included, in 2 packs, 0 skipped" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.csv"]
