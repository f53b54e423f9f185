"""Speed, beside what any such engine costs.

`python -m tests.benchmarks.speed`, in the test environment, prints yieldflow's figures beside the *floor*: a loop with
nothing but threads, `send`, JSON and one transaction for each batch. On a small machine with two shared processors
(Python 3.11.7, SQLite 3.40.1, full durability), medians of twenty-one pairs, in activities a second:

                                             floor    yieldflow   ratio, and its range
500 workflows of 3 activities                78,563      26,146   0.36 (0.24 to 0.55)
5,000 workflows of 3 activities              62,170      17,716   0.29 (0.25 to 0.41)
one workflow of 2,000 activities in a row     2,845       2,346   0.80 (0.75 to 0.96)
one workflow of 1,000 activities at once     37,825      27,343   0.68 (0.47 to 0.88)

One workflow of three activities took 3.8 ms from `submit` to its result. A `Stepper` test of three steps takes about
half a millisecond (`python -m tests.benchmarks.stepping`). The same machine is at times half as fast, floor and all.

These figures are of the version before workflows at rest left memory, and before contexts were kept apart and jumps of
the clock outlived. A chain takes about an eighth more processor time since, and many short workflows a fifth more.

`python -m tests.benchmarks.values` shows what it costs to store a value and to read it, in microseconds, beside pickle,
json, msgspec and pydantic. On the same machine, encoding and decoding:

                                yieldflow          pickle            json         msgspec
a small dict                     2.1  1.6        0.9  1.1        4.2  3.2        0.2  0.5
ten plain dicts, nested         12.5  9.2        3.8  4.7       17.5 11.1        1.6  4.0
a dataclass of ten fields       24.1 19.8       23.1 14.0                        1.0  2.4
a megabyte of plain data        13 ms 15 ms     2.4 ms 5.1 ms   22 ms 14 ms     2.7 ms 7.7 ms

msgspec, where it is installed, writes nested plain data for yieldflow; the text is the same.

A lone step costs one commit; a thousand results at once cost one commit too.
"""
