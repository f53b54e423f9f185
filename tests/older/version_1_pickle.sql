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
INSERT INTO "activity_executions" VALUES('caught',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600051711,1735689600056804,'/home/ann/yieldflow/tests/older/version_1.py:63','{"label":"caught/1"}','["caught/1"]','ValueError: caught/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: caught/1
');
INSERT INTO "activity_executions" VALUES('caught',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600056804,NULL,'/home/ann/yieldflow/tests/older/version_1.py:66','{"label":"caught/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,0,'activity','fail_as_recorded','failed',1,0,1,NULL,1735689600061500,1735689600066154,'/home/ann/yieldflow/tests/older/version_1.py:72','{"label":"caught ours/1"}','["shop.OddError","caught ours/1",""]','yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 57, in fail_as_recorded
    raise ActivityError(type_name="shop.OddError", message=label)
yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1
');
INSERT INTO "activity_executions" VALUES('asleep',1,0,'activity','work','done',1,0,1,NULL,1735689600066154,1735689600069337,'/home/ann/yieldflow/tests/older/version_1.py:80','{"label":"asleep/1"}','"ASLEEP/1"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600066154,NULL,'/home/ann/yieldflow/tests/older/version_1.py:75','{"label":"caught ours/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,1,'sleep','sleep','scheduled',1,1,NULL,1735693200069337,1735689600069337,NULL,'/home/ann/yieldflow/tests/older/version_1.py:81','{"seconds":3600.0}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,0,'activity','work','done',1,0,1,NULL,1735689600071755,1735689600077971,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/1"}','"GATHERING/1"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600071755,NULL,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,2,'activity','work','done',1,0,2,NULL,1735689600071755,1735689600077971,'/home/ann/yieldflow/tests/older/version_1.py:88','{"label":"gathering/branch/1"}','"GATHERING/BRANCH/1"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600077971,NULL,'/home/ann/yieldflow/tests/older/version_1.py:89','{"label":"gathering/branch/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,0,'activity','work','done',1,0,1,NULL,1735689600077971,1735689600078874,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/0"}','"ONE BY ONE/0"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,1,'activity','work','done',1,1,2,NULL,1735689600078874,1735689600085473,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/1"}','"ONE BY ONE/1"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600079450,1735689600086484,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/1"}','["dropping/1"]','ValueError: dropping/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: dropping/1
');
INSERT INTO "activity_executions" VALUES('dropping',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600079450,1735689600086484,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200079450,1735689600079450,1735689600086484,'/home/ann/yieldflow/tests/older/version_1.py:103','{"seconds":3600.0}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600085473,NULL,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,3,'activity','hang','scheduled',1,1,NULL,NULL,1735689600086484,NULL,'/home/ann/yieldflow/tests/older/version_1.py:105','{"label":"dropping/3"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,0,'activity','work','done',1,0,1,NULL,1735689600086484,1735689600090357,'/home/ann/yieldflow/tests/older/version_1.py:112','{"label":"f3d7cbf7-2422-47b3-9a17-05caaab11a3c 0.1008201100144448 2025-01-01 00:00:00.086484+00:00"}','"F3D7CBF7-2422-47B3-9A17-05CAAAB11A3C 0.1008201100144448 2025-01-01 00:00:00.086484+00:00"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600090357,NULL,'/home/ann/yieldflow/tests/older/version_1.py:113','{"label":"chance/1"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,0,'activity','pack','done',1,0,1,NULL,1735689600096208,1735689600100003,'/home/ann/yieldflow/tests/older/version_1.py:119',X'8005956E000000000000007D94288C056C6162656C948C0970617263656C732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,1,'activity','drop','failed',1,1,2,NULL,1735689600100003,1735689600104289,'/home/ann/yieldflow/tests/older/version_1.py:121',X'8005956E000000000000007D94288C056C6162656C948C0970617263656C732F32948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
');
INSERT INTO "activity_executions" VALUES('altered',1,0,'activity','work','done',1,0,1,NULL,1735689600100733,1735689600106289,'/home/ann/yieldflow/tests/older/version_1.py:129','{"label":"altered/1"}','"ALTERED/1"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600104289,NULL,'/home/ann/yieldflow/tests/older/version_1.py:124','{"label":"parcels/3"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600106289,NULL,'/home/ann/yieldflow/tests/older/version_1.py:130','{"label":"altered/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('done',1,0,'activity','work','done',1,0,1,NULL,1735689600108786,1735689600109654,'/home/ann/yieldflow/tests/older/version_1.py:135','{"label":"done"}','"DONE"',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('packed',1,0,'activity','pack','done',1,0,1,NULL,1735689600112535,1735689600113325,'/home/ann/yieldflow/tests/older/version_1.py:140',X'8005956C000000000000007D94288C056C6162656C948C077061636B732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropped',1,0,'activity','drop','failed',1,0,1,NULL,1735689600113325,1735689600114137,'/home/ann/yieldflow/tests/older/version_1.py:145',X'8005956C000000000000007D94288C056C6162656C948C0764726F70732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
');
INSERT INTO "activity_executions" VALUES('refused',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600117984,1735689600120898,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/1"}','["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: refused/1
');
INSERT INTO "activity_executions" VALUES('refused',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600117984,1735689600120898,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/2"}',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('odd',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600120898,1735689600124600,'/home/ann/yieldflow/tests/older/version_1.py:155','{"label":"odd/1"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
');
CREATE TABLE meta (                      -- facts of the whole file: who owns it
    key text primary key,
    value text not null
) without rowid
;
INSERT INTO "meta" VALUES('owner','{"pid": 9983, "host": "desk", "since": "2026-11-25T21:07:39+00:00"}');
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
INSERT INTO "workflows" VALUES(1,'caught','caught','processing',1,1,1735689600051349,NULL,1735689600051711,NULL,NULL,NULL,X'5E8CFAC5C797BADFB30D4D269966392F',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(2,'caught ours','caught_ours','processing',1,1,1735689600057405,NULL,1735689600061500,NULL,NULL,NULL,X'04D79B3CAD0F7D7FAC747A582A42319D',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(3,'asleep','asleep','processing',1,0,1735689600065375,NULL,1735689600066154,NULL,NULL,NULL,X'00F0E22D9F54A7D1C7CCA03FA7C06FB8',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(4,'gathering','gathering','processing',1,1,1735689600069624,NULL,1735689600071755,NULL,NULL,NULL,X'A0430AABE7711CC767EF705C92918823',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(5,'one by one','one_by_one','processing',1,1,1735689600077806,NULL,1735689600077971,NULL,NULL,NULL,X'51BB01952471EF3DC22322897B1B6504',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(6,'dropping','dropping','processing',1,1,1735689600079048,NULL,1735689600079450,NULL,NULL,NULL,X'5D7EFB3DC947FA1DB0FCB83F6B967427',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(7,'chance','chance','processing',1,1,1735689600086142,NULL,1735689600086484,NULL,NULL,NULL,X'10486EB974878534124A3EC793F4B5BB',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(8,'parcels','parcels','processing',1,1,1735689600089512,NULL,1735689600096208,NULL,NULL,NULL,X'4330EDC103FCBA5751E08300C8858514',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(9,'altered','altered','stalled',1,0,1735689600100288,NULL,1735689600100733,NULL,NULL,NULL,X'DFB21595B86BF51888284E090482FFE6','workflow ''altered'' (altered) no longer does what its history records, at step 0:
  recorded: activity work(label=''altered/1'') at /home/ann/yieldflow/tests/older/version_1.py:129
  yielded:  activity work(label=''altered/other'') at /home/ann/yieldflow/tests/older/version_1.py:129
Bring the recorded order of steps back and register the workflow again or restart: it goes on from there. Nothing of it is lost.','{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(10,'delayed','brief','processing',1,0,1735689600104642,1735693200104642,NULL,NULL,NULL,NULL,X'04550098B47F91908E276B6373FCC3FA',NULL,'{"label":"delayed"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(11,'done','brief','done',1,0,1735689600108664,NULL,1735689600108786,1735689600109654,NULL,NULL,X'8DA6C6285CF1E81E8741E1BFD9C47832',NULL,'{"label":"done"}',NULL,'"DONE"',NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(12,'packed','packs','done',1,0,1735689600111871,NULL,1735689600112535,1735689600113325,NULL,NULL,X'5461AF8EE015B5A65F8AAE34BCD13201',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(13,'dropped','drops','failed',1,0,1735689600113180,NULL,1735689600113325,1735689600114137,NULL,NULL,X'6EC787F9D2382F7C25B79C9995B533AF',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 145, in drops
    yield drop("drops/1", parcel)
tests.older.version_1.Broken: 7: it fell
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
in step 0, drop(label=''drops/1'', parcel=Parcel(number=7, contents=(''lamp'', ''lamp'')))
');
INSERT INTO "workflows" VALUES(14,'refused','refuses','failed',1,0,1735689600114756,NULL,1735689600117984,1735689600120898,NULL,NULL,X'C153B17980881C94083137D29B74CD19',NULL,'{}',NULL,'["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(15,'odd','fails_oddly','failed',1,0,1735689600120458,NULL,1735689600120898,1735689600124600,NULL,NULL,X'6100B3D505739FDD7036EF0996E8E99D',NULL,'{}',NULL,'["tests.older.version_1.fail_oddly.<locals>.OddError","odd/1","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: odd/1\n"]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(16,'submitted late','brief','processing',1,0,1735691400007485,NULL,NULL,NULL,NULL,NULL,X'B447A360E080E296EC65279459C3DF38',NULL,'{"label":"late"}',NULL,NULL,NULL,NULL,NULL);
CREATE INDEX workflows_unfinished on workflows (started_at) where status <> 'done' and status <> 'failed' and status <> 'cancelled';
COMMIT;
