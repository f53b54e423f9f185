"""Plans that broke a promise once, as small as they failed. All of it is mended.

They are kept as plans, since a seed means another plan whenever something new is drawn.
"""

from __future__ import annotations

from .plan import Call, Fault, Flow, Plan

#: By what was wrong.
FOUND: dict[str, Plan] = {
    "a workflow that stalls is on its way into memory a second time": Plan(
        1_302_906_719,
        flows=(Flow("w3", ["sequence", ["signal", 3, "bell"], ["signal", 4, "s4"]], False),),
        calls=(
            Call(0, "submit", "w3"),
            Call(0, "submit", "w3", outside=True),
            Call(0, "signal", "w3", "bell", 2, outside=True),
            Call(1, "suspend", "w3"),
        ),
        faults=(Fault("refused value", 3),),
        workers=3,
        recoveries=1000,
        forgetful=True,
    ),
    "a workflow that was to start later and is built again keeps the timer of its start": Plan(
        42_012_083,
        flows=(
            Flow("w0", ["task", ["look", 4], ["signal", 2, "s2"], "yield"], True),
            Flow("w2", ["act", 13, "pair", 1], False),
        ),
        calls=(
            Call(0, "submit", "w0"),
            Call(0, "submit", "w2", delay=3),
            Call(1, "signal", "w0", "bell", 2),
            Call(0.5, "resume", "w0"),
            Call(0.001, "signal", "w2", "nobody", 1),
        ),
        faults=(Fault("crash after", 2), Fault("I/O error", 7, 6)),
        recoveries=1,
    ),
    "an attempt whose time ran out gives its place away before that is on disk": Plan(
        42_012_240,
        flows=(
            Flow("w0", ["sequence", ["signal", 1, "bell"], ["act", 4, "careful", 99]], False),
            Flow("w1", ["again", 5, ["sequence"], ["act", 6, "careful", 0]], False),
        ),
        calls=(Call(0, "submit", "w0"), Call(3, "submit", "w1"), Call(5, "signal", "w0", "bell", 2)),
        faults=(Fault("disk full", 10), Fault("stop", 3)),
        workers=5,
        recoveries=1000,
    ),
    "an attempt of a child whose time ran out gives its place away before that is on disk": Plan(
        42_013_346,
        flows=(
            Flow(
                "w0",
                [
                    "gather",
                    [
                        ["act", 2, "thrice", 2],
                        ["child", 4, "cancel", "shared", 100, ["act", 5, "careful", 99]],
                        ["act", 6, "careful", 0],
                    ],
                    None,
                    True,
                ],
                False,
            ),
        ),
        calls=(Call(0.5, "submit", "w0"), Call(0, "signal", "w0", "bell", 1)),
        faults=(Fault("I/O error", 12, 6), Fault("clock forward", 23), Fault("crash before", 4)),
        workers=5,
        recoveries=3,
    ),
    "what ended in the turn that cancels it ends again as cancelled": Plan(
        77_017_623,
        flows=(Flow("w0", ["gather", [["act", 2, "stubborn", 0], ["act", 3, "pay", 0]], None, True], True),),
        calls=(Call(0, "submit", "w0"), Call(0, "cancel", "w0"), Call(0, "suspend", "w0")),
        faults=(),
        recoveries=1000,
    ),
    "an attempt whose timeout the store refuses keeps its worker": Plan(
        305_020,
        flows=(
            Flow("w0", ["sequence"], False),
            Flow("w1", ["act", 1, "timed", 0, {"schedule_to_close_timeout": 1}], False),
            Flow("w2", ["act", 3, "work", 0], False),
        ),
        calls=(Call(0, "submit", "w0"), Call(0, "submit", "w1"), Call(30, "submit", "w2")),
        faults=(Fault("refused value", 3),),
        workers=1,
        recoveries=1000,
    ),
    "one that waits to be recovered is taken up early, as its commit fails, and once more at its turn": Plan(
        460,
        flows=(
            Flow("w1", ["act", 1, "hurried", 0], False),
            Flow("w2", ["gather", [["act", 1, "pair", 0], ["signal", 2, "s2"]], None, True], False),
        ),
        calls=(Call(0, "submit", "w1", others=("w2",)), Call(0, "signal", "w2", "s2", 1)),
        faults=(Fault("crash before", 3), Fault("locked", 5), Fault("refused value", 2, 3)),
        workers=5,
        recoveries=1,
    ),
    "a client's workflow that the owner wanted too is built though it stalled": Plan(
        1_006_310,
        flows=(Flow("w2", ["act", 1, "queued", 0], False),),
        calls=(
            Call(0, "submit", "w2", outside=True),
            Call(0, "submit", "w2"),
            Call(3, "signal", "w2", "bell", 1),
        ),
        faults=(Fault("refused value", 3),),
    ),
    "one that has ended is taken for one that has not, as it cannot be read": Plan(
        4_015_758,
        flows=(Flow("w0", ["sequence"], False),),
        calls=(Call(0, "submit", "w0"), Call(0, "suspend", "w0")),
        faults=(Fault("crash after", 1), Fault("failing reads", 2)),
        workers=1,
        recoveries=3,
    ),
    "a workflow whose id was used before draws what that drew": Plan(
        1_569_387_483,
        flows=(Flow("w3", ["act", 4, "narrow", 0], False),),
        calls=(
            Call(0, "submit", "w3"),
            Call(0, "submit", "w3"),
            Call(0.001, "delete", "w3", value=3),
            Call(0, "cancel", "w3", value=97),
        ),
        faults=(),
        workers=3,
        recoveries=10,
    ),
    "an attempt at what a retry undoes is taken for one at what is asked for since": Plan(
        66_993,
        flows=(
            Flow(
                "w0",
                ["task", ["act", 3, "pair", 0], ["sequence", ["sleep", 1, 5], ["act", 2, "careful", 0]], "yield"],
                False,
            ),
        ),
        calls=(Call(30, "submit", "w0", delay=3, timeout=5), Call(0, "resume", "w0", value=67)),
        faults=(Fault("refused value", 8, 2),),
        workers=3,
        recoveries=3,
        registered_at=1,
        visits=3,
    ),
    "what was cancelled by something that a retry undoes is not tried again": Plan(
        513,
        flows=(
            Flow(
                "w0", ["race", ["task", ["sequence"], ["act", 1, "careful", 0], "yield"], ["act", 8, "pair", 0]], False
            ),
        ),
        calls=(
            Call(0, "submit", "w0", outside=True),
            Call(0, "signal", "w0", "s4", 2),
            Call(2, "signal", "w0", "nobody", 3),
        ),
        faults=(Fault("refused value", 5),),
        recoveries=1000,
        visits=1,
    ),
    "one that is to start later is counted by each restart at which a signal came": Plan(
        142,
        flows=(Flow("w1", ["sequence"], False),),
        calls=(Call(0, "submit", "w1", delay=3), Call(0, "signal", "w1", "s4", 1)),
        faults=(Fault("code missing", 2),),
        recoveries=1,
    ),
    "what ended while its workflow was stalled ends a step that it came to again since": Plan(
        60_014_835,
        flows=(
            Flow(
                "w1",
                [
                    "again",
                    2,
                    ["sleep", 1, 0],
                    ["sequence", ["signal", 3, "bell"], ["signal", 4, "bell"], ["act", 5, "pair", 1]],
                ],
                False,
            ),
            Flow("w2", ["again", 2, ["sequence"], ["act", 6, "stubborn", 1]], True, late=True),
        ),
        calls=(
            Call(0, "submit", "w1", others=("w2",)),
            Call(0, "signal", "w1", "bell", 1),
            Call(0, "signal", "w1", "bell", 2),
        ),
        faults=(Fault("refused value", 5),),
        workers=5,
        recoveries=1000,
        visits=2,
    ),
    "what never began, as it was cancelled, ends as cancelled though a retry undid that": Plan(
        60_018_934,
        flows=(
            Flow("w0", ["again", 7, ["act", 6, "queued", 0], ["finally", 8, ["until", 9, 0.5], ["sequence"]]], False),
            Flow("w1", ["act", 2, "narrow", 0, {"on_cancel": "wait"}], False),
        ),
        calls=(
            Call(30, "submit", "w0", outside=True, others=("w1",)),
            Call(0, "signal", "w0", "bell", 2),
            Call(0.5, "signal", "w0", "bell", 3),
            Call(2, "cancel", "w1", value=101),
        ),
        faults=(Fault("refused value", 3),),
        workers=3,
        recoveries=3,
        visits=2,
    ),
    "a child that is refused its id takes another child of the run for itself, after a retry": Plan(
        1_892_286_320,
        flows=(
            Flow(
                "w0",
                [
                    "sequence",
                    ["child", 2, "abandon", "shared", None, ["sequence"]],
                    ["child", 6, "wait", "shared", None, ["sequence"], False],
                ],
                False,
            ),
        ),
        calls=(Call(5, "submit", "w0", delay=3), Call(0, "signal", "w0", "nobody", 1, outside=True)),
        faults=(),
        workers=3,
        recoveries=1000,
        visits=1,
    ),
    "a request to end what was suspended as it was taken up waits for another that has it built": Plan(
        3_675_535_509,
        flows=(Flow("w0", ["race", ["act", 1, "careful", 0], ["act", 2, "queued", 0]], False),),
        calls=(
            Call(30, "submit", "w0"),
            Call(0, "signal", "w0", "bell", 2),
            Call(5, "delete", "w0", value=84),
            Call(3, "cancel", "w0", value=63),
            Call(30, "suspend", "w0", value=81, outside=True),
        ),
        faults=(Fault("failing reads", 2, 6), Fault("client dies", 2), Fault("crash during", 2)),
        workers=5,
        recoveries=1,
    ),
    "what went back to its last turn, and is suspended before the owner finds that, has no end": Plan(
        1_510_080_089,
        flows=(Flow("w0", ["wait", ["fail", 1], 0.5], False), Flow("w1", ["sequence"], False)),
        calls=(
            Call(3, "submit", "w0"),
            Call(8.949022925441314, "submit", "w1"),
            Call(0, "submit", "w1", outside=True),
            Call(0, "retry", "w0", value=89),
            Call(3, "suspend", "w0", value=98),
            Call(0, "signal", "w1", "s11", 2),
            Call(1.8280356895213035, "signal", "w1", "bell", 3),
            Call(1, "signal", "w1", "nobody", 5),
            Call(0, "terminate", "w1", value=45),
        ),
        faults=(),
        recoveries=1000,
        visits=1,
    ),
    "what a stalled workflow did and a retry has undone is neither kept nor made again": Plan(
        153_285_843,
        flows=(
            Flow(
                "w0",
                [
                    "sequence",
                    ["sleep", 1, 0.5],
                    [
                        "gather",
                        [["act", 2, "pair", 0], ["task", ["act", 4, "work", 0], ["signal", 3, "s3"], "yield"]],
                        None,
                        True,
                    ],
                ],
                False,
            ),
        ),
        calls=(
            Call(3.847751114331086, "submit", "w0", outside=True),
            Call(0, "signal", "w0", "s3", 1),
            Call(5, "cancel", "w0", value=91),
            Call(6.053638668039354, "delete", "w0", value=95),
            Call(0, "resume", "w0", value=24),
        ),
        faults=(
            Fault("refused value", 3, 3),
            Fault("locked", 5, 2),
            Fault("disk full", 7),
            Fault("client dies", 1),
        ),
        workers=1,
        visits=1,
    ),
    "an attempt that a retry has undone takes the timer of the sleep that has its number since": Plan(
        153_310_743,
        flows=(
            Flow(
                "w0",
                [
                    "gather",
                    [
                        ["act", 1, "queued", 0, {"heartbeat_timeout": 2}],
                        ["sequence", ["signal", 2, "bell"], ["until", 4, 2]],
                        ["finally", 5, ["take", 6, "bell"], ["sequence"]],
                    ],
                    None,
                    False,
                ],
                False,
            ),
            Flow("w2", ["again", 5, ["sequence"], ["look", 6]], False),
        ),
        calls=(
            Call(30, "submit", "w0"),
            Call(0.001, "submit", "w2", delay=3),
            Call(0.001, "submit", "w2"),
            Call(0, "signal", "w0", "bell", 2),
            Call(3, "signal", "w2", "bell", 3),
            Call(2, "signal", "w2", "bell", 4),
            Call(0, "signal", "w2", "nobody", 5),
            Call(0.5, "suspend", "w2", value=9),
            Call(1.409516673186757, "resume", "w2", value=21),
        ),
        faults=(Fault("refused value", 12),),
        workers=1,
        recoveries=3,
        visits=3,
    ),
    "a failure from before a retry is that of the step that is issued in the same turn": Plan(
        153_337_717,
        flows=(
            Flow(
                "w1",
                ["task", ["look", 5], ["gather", [["signal", 3, "s3"], ["act", 4, "pair", 1]], 1, True], "yield"],
                True,
            ),
            Flow("w2", ["again", 2, ["look", 1], ["act", 5, "narrow", 0]], True),
        ),
        calls=(
            Call(0, "submit", "w1", timeout=100),
            Call(0, "signal", "w1", "s3", 1),
            Call(1, "signal", "w1", "s13", 2, outside=True),
            Call(2.448531473520731, "submit", "w2", delay=3),
            Call(3, "signal", "w2", "s4", 1, outside=True),
        ),
        faults=(Fault("I/O error", 1, 2), Fault("refused value", 8, 2), Fault("disk full", 5, 6)),
        workers=1,
        recoveries=3,
        visits=2,
    ),
    "a parent whose child is still to be asked to end rests until a message comes, and forgets that": Plan(
        210,
        flows=(
            Flow(
                "w1",
                [
                    *("child", 1, "cancel", None, None),
                    [
                        *("task", ["gather", [["signal", 4, "bell"], ["act", 5, "timed", 0]], 2, False]),
                        *(["act", 3, "queued", 0], "cancel and yield"),
                    ],
                    False,
                ],
                False,
            ),
        ),
        calls=(Call(0, "submit", "w1", timeout=100),),
        faults=(Fault("refused value", 7), Fault("code missing", 3)),
        workers=3,
        recoveries=3,
    ),
    "a workflow that is tried again after it stalled is said to be suspended, and is not": Plan(
        429,
        flows=(Flow("w3", ["sequence"], False, late=True),),
        calls=(Call(0, "submit", "w3"), Call(30, "suspend", "w3", value=69)),
        faults=(),
        workers=2,
        recoveries=3,
        registered_at=30,
    ),
    "an id that is submitted anew is woken by the timer of the delayed workflow that had it before": Plan(
        20_063,
        flows=(Flow("w0", ["sequence"], False),),
        calls=(
            Call(0, "submit", "w0", delay=3),
            Call(2, "delete", "w0", value=15),
            Call(0, "terminate", "w0", value=50),
        ),
        faults=(Fault("crash during", 2),),
        workers=2,
        recoveries=1,
    ),
    "a later run of a parent that rests is forgotten when a child of an earlier run ends again": Plan(
        800_000_017,
        flows=(
            Flow(
                "w0",
                [
                    "again",
                    7,
                    [
                        "child",
                        1,
                        "wait",
                        "own",
                        None,
                        [
                            "sequence",
                            ["sleep", 3, 5],
                            ["look", 5],
                            [
                                "act",
                                6,
                                "stubborn",
                                99,
                                {
                                    "retry": {
                                        "initial_interval": 0.1,
                                        "backoff_coefficient": 3,
                                        "maximum_interval": None,
                                        "maximum_attempts": 3,
                                        "jitter": False,
                                        "final": "ValueError",
                                    }
                                },
                            ],
                        ],
                        False,
                    ],
                    ["sequence", ["sleep", 8, 2], ["act", 9, "pair", 0]],
                ],
                True,
            ),
        ),
        calls=(Call(0, "submit", "w0"), Call(3, "fork", "w0", value=7), Call(0, "delete", "w0", value=60)),
        faults=(Fault("disk full", 2), Fault("crash before", 3)),
        workers=3,
        recoveries=1000,
        forgetful=True,
        visits=1,
    ),
    "a parent that came to rest in the turn of its child's end is not woken where the commit is split": Plan(
        4_005_317,
        flows=(
            Flow("w0", ["child", 1, "cancel", "own", None, ["act", 2, "narrow", 0]], True),
            Flow("w2", ["act", 1, "beating", 0], True),
            Flow("w3", ["sequence"], True),
        ),
        calls=(
            Call(0.001, "submit", "w0", outside=True),
            Call(0.5, "submit", "w2"),
            Call(0, "submit", "w3"),
            Call(2, "submit", "w3"),
        ),
        faults=(),
        workers=5,
        recoveries=1000,
        sluggish=60,
    ),
    "a stalled workflow that goes on by itself has a row that rests forever": Plan(
        2_000_025,
        flows=(Flow("w0", ["sequence"], False, late=True), Flow("w1", ["sleep", 3, 5], False)),
        calls=(Call(0, "submit", "w0", outside=True), Call(0, "submit", "w1")),
        faults=(Fault("refused value", 3), Fault("clock back", 4)),
        workers=1,
        recoveries=1,
        sluggish=60,
    ),
    "a timer that is due since overtakes what came meanwhile, where another was held back": Plan(
        2_003_684,
        flows=(Flow("w0", ["wait", ["act", 3, "pair", 1], 3], False), Flow("w1", ["sequence"], False)),
        calls=(
            Call(3, "submit", "w0"),
            Call(0.0, "submit", "w1", delay=3),
            Call(0.0, "signal", "w1", "s2", 1),
            Call(0.0, "signal", "w1", "s5", 2),
        ),
        faults=(),
        workers=1,
        recoveries=3,
        batch=1,
        sluggish=60,
    ),
}
