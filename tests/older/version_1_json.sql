pragma application_id = 2036753506;
pragma user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE activity_executions (
    workflow_id text not null,
    run integer not null,
    step integer not null,               -- in the order issued, from 0
    kind text not null,                  -- activity, sleep
    name text not null,
    status text not null,                -- scheduled, done, failed, cancelled
    attempt integer not null default 1,
    turn integer not null,               -- how many events had been applied before the one that led to it
    applied integer,                     -- the place of its outcome in the order applied, from 1
    due_at integer,                      -- when a sleep ends
    scheduled_at integer not null,
    finished_at integer,
    source text not null,                -- file:line of the yield
    input text not null,                 -- the arguments by name
    output text,                         -- its value, or what its exception is built from again
    error text,                          -- of a failure: type and message
    error_type text,
    error_traceback text,
    primary key (workflow_id, run, step)
);
INSERT INTO "activity_executions" VALUES('caught',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600066011,1735689600070491,'/home/ann/yieldflow/tests/older/version_1.py:63','{"label":"caught/1"}','["caught/1"]','ValueError: caught/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: caught/1
');
INSERT INTO "activity_executions" VALUES('caught ours',1,0,'activity','fail_as_recorded','failed',1,0,1,NULL,1735689600070491,1735689600072972,'/home/ann/yieldflow/tests/older/version_1.py:72','{"label":"caught ours/1"}','["shop.OddError","caught ours/1",""]','yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 57, in fail_as_recorded
    raise ActivityError(type_name="shop.OddError", message=label)
yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1
');
INSERT INTO "activity_executions" VALUES('caught',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600070491,NULL,'/home/ann/yieldflow/tests/older/version_1.py:66','{"label":"caught/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600072972,NULL,'/home/ann/yieldflow/tests/older/version_1.py:75','{"label":"caught ours/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,0,'activity','work','done',1,0,1,NULL,1735689600073794,1735689600085509,'/home/ann/yieldflow/tests/older/version_1.py:80','{"label":"asleep/1"}','"ASLEEP/1"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,1,'sleep','sleep','scheduled',1,1,NULL,1735693200085509,1735689600085509,NULL,'/home/ann/yieldflow/tests/older/version_1.py:81','{"seconds":3600.0}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,0,'activity','work','done',1,0,1,NULL,1735689600085509,1735689600093505,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/1"}','"GATHERING/1"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600085509,NULL,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,2,'activity','work','done',1,0,2,NULL,1735689600085509,1735689600097192,'/home/ann/yieldflow/tests/older/version_1.py:88','{"label":"gathering/branch/1"}','"GATHERING/BRANCH/1"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600097192,NULL,'/home/ann/yieldflow/tests/older/version_1.py:89','{"label":"gathering/branch/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,0,'activity','work','done',1,0,1,NULL,1735689600097192,1735689600105577,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/0"}','"ONE BY ONE/0"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,1,'activity','work','done',1,1,2,NULL,1735689600105577,1735689600109734,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/1"}','"ONE BY ONE/1"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600105577,1735689600109734,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/1"}','["dropping/1"]','ValueError: dropping/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: dropping/1
');
INSERT INTO "activity_executions" VALUES('dropping',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600105577,1735689600109734,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200105577,1735689600105577,1735689600109734,'/home/ann/yieldflow/tests/older/version_1.py:103','{"seconds":3600.0}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600109734,NULL,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,3,'activity','hang','scheduled',1,1,NULL,NULL,1735689600109734,NULL,'/home/ann/yieldflow/tests/older/version_1.py:105','{"label":"dropping/3"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,0,'activity','work','done',1,0,1,NULL,1735689600117297,1735689600133657,'/home/ann/yieldflow/tests/older/version_1.py:112','{"label":"dd8ada35-c609-4af6-8bb3-e088623827b2 0.5500251592924308 2025-01-01 00:00:00.117297+00:00"}','"DD8ADA35-C609-4AF6-8BB3-E088623827B2 0.5500251592924308 2025-01-01 00:00:00.117297+00:00"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600133657,NULL,'/home/ann/yieldflow/tests/older/version_1.py:113','{"label":"chance/1"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,0,'activity','work','done',1,0,1,NULL,1735689600133657,1735689600141528,'/home/ann/yieldflow/tests/older/version_1.py:129','{"label":"altered/1"}','"ALTERED/1"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600141528,NULL,'/home/ann/yieldflow/tests/older/version_1.py:130','{"label":"altered/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('done',1,0,'activity','work','done',1,0,1,NULL,1735689600153521,1735689600173452,'/home/ann/yieldflow/tests/older/version_1.py:135','{"label":"done"}','"DONE"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('refused',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600163806,1735689600181550,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/1"}','["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: refused/1
');
INSERT INTO "activity_executions" VALUES('refused',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600163806,1735689600181550,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('odd',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600181550,1735689600210499,'/home/ann/yieldflow/tests/older/version_1.py:155','{"label":"odd/1"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
');
CREATE TABLE meta (                      -- facts of the whole file: who owns it
    key text primary key,
    value text not null
) without rowid
;
INSERT INTO "meta" VALUES('owner','{"pid": 10605, "host": "desk", "since": "2026-11-25T21:07:49+00:00"}');
CREATE TABLE signals (                   -- signals that no workflow has received yet
    workflow_id text not null,
    number integer not null,             -- in the order sent, from 1
    name text not null,
    sent_at integer not null,
    payload text not null,
    primary key (workflow_id, number)
) without rowid
;
CREATE TABLE workflow_inputs (           -- what is applied to a workflow and is no step's outcome: a cancellation, ...
    workflow_id text not null,
    run integer not null,
    number integer not null,             -- in the order received, from 1
    kind text not null,
    received_at integer not null,
    applied integer,                     -- its place in the order applied; null while it is not applied
    payload text,
    primary key (workflow_id, run, number)
) without rowid
;
CREATE TABLE workflows (
    number integer primary key,          -- the order in which workflows were added
    id text not null unique,
    name text not null,
    status text not null,                -- processing, done, failed, cancelled, suspended, stalled
    run integer not null default 1,      -- counts the runs under this id
    recovery_attempts integer not null default 0,
    created_at integer not null,
    starts_at integer,                   -- when it is to start, where not at once
    started_at integer,                  -- when its first turn was driven
    finished_at integer,
    parent text,                         -- of a child: the id of the workflow that yielded it
    parent_step integer,                 -- and the step that waits for it
    seed blob not null,                  -- what uuid4() and random() of the run derive from
    reason text,                         -- why it is stalled
    input text not null,                 -- the arguments by name
    progress text,                       -- the latest value of set_progress()
    output text,                         -- what it returned, or what its exception is built from again
    error text,                          -- of a failure: type and message
    error_type text,
    error_traceback text
);
INSERT INTO "workflows" VALUES(1,'caught','caught','processing',1,1,1735689600065734,NULL,1735689600066011,NULL,NULL,NULL,X'2F30DA227563A698D32073F272069819',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(2,'caught ours','caught_ours','processing',1,1,1735689600069608,NULL,1735689600070491,NULL,NULL,NULL,X'8475FF40E97898F0DA95DB49BD00944A',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(3,'asleep','asleep','processing',1,0,1735689600073232,NULL,1735689600073794,NULL,NULL,NULL,X'AB5AE37656313BC5819A74EEB64FFE06',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(4,'gathering','gathering','processing',1,1,1735689600085330,NULL,1735689600085509,NULL,NULL,NULL,X'BF4BDDE08EDFB16144DBAC87AEC3173B',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(5,'one by one','one_by_one','processing',1,1,1735689600093879,NULL,1735689600097192,NULL,NULL,NULL,X'48A7963D85FD2F26B7B3066021AC15B5',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(6,'dropping','dropping','processing',1,1,1735689600105398,NULL,1735689600105577,NULL,NULL,NULL,X'842486138C8CA6E39D4A8FA52B4C6C27',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(7,'chance','chance','processing',1,1,1735689600110360,NULL,1735689600117297,NULL,NULL,NULL,X'9A9F493CC9F55F7A2509533C877D89A4',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(8,'altered','altered','stalled',1,0,1735689600133471,NULL,1735689600133657,NULL,NULL,NULL,X'D0FB40AD8D8185BEBF18DA49C83A7C72','workflow ''altered'' (altered) no longer does what its history records, at step 0:
  recorded: activity work(label=''altered/1'') at /home/ann/yieldflow/tests/older/version_1.py:129
  yielded:  activity work(label=''altered/other'') at /home/ann/yieldflow/tests/older/version_1.py:129
Bring the recorded order of steps back and register the workflow again or restart: it goes on from there. Nothing of it is lost.','{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(9,'delayed','brief','processing',1,0,1735689600141260,1735693200141260,NULL,NULL,NULL,NULL,X'E49A3C4EC14E48BDB9CB2C211E97C5C1',NULL,'{"label":"delayed"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(10,'done','brief','done',1,0,1735689600153377,NULL,1735689600153521,1735689600173452,NULL,NULL,X'AE8A0E3FC0EE71106E963345E12FBEF7',NULL,'{"label":"done"}',NULL,'"DONE"',NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(11,'refused','refuses','failed',1,0,1735689600163678,NULL,1735689600163806,1735689600181550,NULL,NULL,X'09A1199FDCB9091A407FA33379A31A1C',NULL,'{}',NULL,'["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 150, in refuses
    yield gather(refuse("refused/1"), hang("refused/2"))
ValueError: refused/1
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: refused/1
in step 0, refuse(label=''refused/1'')
');
INSERT INTO "workflows" VALUES(12,'odd','fails_oddly','failed',1,0,1735689600173867,NULL,1735689600181550,1735689600210499,NULL,NULL,X'6A70D899790ADD5DF80D972084D97185',NULL,'{}',NULL,'["tests.older.version_1.fail_oddly.<locals>.OddError","odd/1","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: odd/1\n"]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 155, in fails_oddly
    yield fail_oddly("odd/1")
yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
in step 0, fail_oddly(label=''odd/1'')
');
INSERT INTO "workflows" VALUES(13,'submitted late','brief','processing',1,0,1735691400002594,NULL,NULL,NULL,NULL,NULL,X'BCAD05A32C33694FBDE64A507B70F60B',NULL,'{"label":"late"}',NULL,NULL,NULL,NULL,NULL);
CREATE INDEX workflows_unfinished on workflows (started_at) where status <> 'done' and status <> 'failed' and status <> 'cancelled';
COMMIT;
