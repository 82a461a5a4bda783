"""pyarrow without pandas: the same arrays, and pandas where it is asked for. Each in a process of its own."""

import subprocess
import sys

import pytest

BEFORE = """
import sys
import numpy as np, pyarrow as pa
from pcsweep.study.without_pandas import without_pandas
without_pandas()
"""
CASES = {
    "arrays do not import it": """
assert pa.array([1.5, None]).to_pylist() == [1.5, None]
assert pa.array(np.arange(3)).to_pylist() == [0, 1, 2]
assert "pandas" not in sys.modules
""",
    "it is still there": """
import pandas as pd
frame = pd.DataFrame({"a": pd.Categorical(["x", "y", "x"]), "b": pd.to_datetime(["2020", None, "2021"]), "c": [1.5, 2, 3]})
frame["d"] = pd.array([1, None, 3], dtype="Int64")
table = pa.Table.from_pandas(frame)
assert pa.types.is_dictionary(table.schema.field("a").type) and table["b"].null_count == table["d"].null_count == 1
pd.testing.assert_frame_equal(table.to_pandas(), frame)
assert pa.array(frame["b"]).null_count == 1
assert pa.types.is_dictionary(pa.array(frame["a"]).type)
""",
    "it is imported where a table becomes a frame": """
assert pa.table({"a": [1, 2]}).to_pandas()["a"].sum() == 3
""",
}


@pytest.mark.parametrize("case", CASES)
def test_in_a_process_of_its_own(case):
    subprocess.run([sys.executable, "-W", "error", "-c", BEFORE + CASES[case]], check=True)


def test_not_where_it_is_imported():
    subprocess.run([sys.executable, "-c", "import pandas\n" + BEFORE + "assert sys.modules['pandas'] is pandas"], check=True)
