"""The tests of the guarantees.

Each line is a command of the test environment, with a progress bar, and what it printed on a small machine with two
shared processors. Small ones of all but the last are in the suite, and larger ones of most among its slow tests.
What is printed is that of the last run of each; the longest were last run before workflows at rest left memory.

python -m tests.simulation --seeds 15000
    The whole engine in virtual time, with programs, client calls and faults drawn from a seed: crashes before, during
    and after commits, disks that fail, clocks that jump, generators dropped. Books are kept from outside and compared
    after every turn; what a retry, a fork and a deletion leave is worked out from them. A failing seed is made small,
    and printed with its trace.
    Printed: 491,774 commits in 189 s (2,605 a second), 192,620 faults, 18,744,660 checks: 0 broken
    Of 24,000 later seeds, with held-up schedulers and clocks that are set, 17 broke: three defects behind them are
    mended, and 8 are open (1001015, 3000678, ...), most by a time limit or a sleep that is said to end too late
python -m tests.simulation --seeds 4000 --store sqlite
    The same on real files, with a query for each invariant of the tables and `PRAGMA integrity_check` after every turn.
    Printed: 119,628 commits: 0 broken; of 4,000 later ones 5 broke, 4 of which the mends put right
python -m tests.power --losses 5000
    The simulation on a drive that loses its power: what was not synced is gone, torn in sectors, or there in another
    order.
    Printed: 5,002 losses over 24,620 commits: nothing acknowledged lost. Without syncs, or on a drive that lies about
    them, the test finds it within 12 seeds
python -m tests.kills --kills 2000
    A process with every command, on threads, worker processes and the event loop, is killed by SIGKILL at random
    moments; what it acknowledged and did (with `fsync`, in a file of its own) is compared with what is on disk.
    Printed: 24,483 workflows, 34,625 acknowledged calls, 123,198 effects: nothing lost; 1,908 effects came twice, all
    before their checkpoint
python -m tests.takeover --rounds 150
    Two processes race for a file; an owner is killed while another one stands by.
    Printed: 3,000 races with one winner each; taken over within 0.25 s (median), 0.26 s at most
python -m tests.load
    10,000 workflows in flight, submitted by 24 threads, with activities that raise, hang, return megabytes and call
    back.
    Printed: all over in 18 s, none wrong; 159 MB at most; `stop(timeout=0.5)` took 0.56 s
python -m tests.damage --rounds 4000
    One value of the file is changed at random.
    Printed: 3,578 damaged files: no other workflow was affected
python -m tests.benchmarks.noticing
    How soon an owner notices what other processes ask, the call itself included, and what looking costs.
    Printed: submissions 18 ms (median), 36 ms (99 %), 37 ms at most in two runs; one submission took 242 ms and one
    367 ms in two that followed much writing; signals 27 ms, 33 ms and 34 ms; idle 0.89 to 0.96 % of a processor

The suite also has a crash before and after every commit of every command, files that code of every earlier version left
when it was killed, and 65 deliberate breakages of the engine (dispatch before commit, an outcome applied twice, a lost
timer, a cancellation that is acknowledged and ignored, timers that are late, a workflow in two phases, a wake that
is not written, ...), each of which the simulation finds within 400 seeds.
"""
