pragma application_id = 2036753506;
pragma user_version = 4;
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
    error_traceback text, dropped integer, counted_from integer, heartbeat text, begun_at integer, worker text,
    primary key (workflow_id, run, step)
);
INSERT INTO "activity_executions" VALUES('caught',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600142300,1735689600144506,'/home/ann/yieldflow/tests/older/version_1.py:63','{"label":"caught/1"}','["caught/1"]','ValueError: caught/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: caught/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,0,'activity','fail_as_recorded','failed',1,0,1,NULL,1735689600144506,1735689600158117,'/home/ann/yieldflow/tests/older/version_1.py:72','{"label":"caught ours/1"}','["caught ours/1","shop.OddError","",true,null]','yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 57, in fail_as_recorded
    raise ActivityError(type_name="shop.OddError", message=label)
yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600144506,NULL,'/home/ann/yieldflow/tests/older/version_1.py:66','{"label":"caught/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,0,'activity','work','done',1,0,1,NULL,1735689600150493,1735689600162027,'/home/ann/yieldflow/tests/older/version_1.py:80','{"label":"asleep/1"}','"ASLEEP/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600158117,NULL,'/home/ann/yieldflow/tests/older/version_1.py:75','{"label":"caught ours/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,0,'activity','work','done',1,0,1,NULL,1735689600162027,1735689600170275,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/1"}','"GATHERING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600162027,NULL,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,2,'activity','work','done',1,0,2,NULL,1735689600162027,1735689600178007,'/home/ann/yieldflow/tests/older/version_1.py:88','{"label":"gathering/branch/1"}','"GATHERING/BRANCH/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,1,'sleep','sleep','scheduled',1,1,NULL,1735693200162027,1735689600162027,NULL,'/home/ann/yieldflow/tests/older/version_1.py:81','{"seconds":3600.0}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600178007,NULL,'/home/ann/yieldflow/tests/older/version_1.py:89','{"label":"gathering/branch/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,0,'activity','work','done',1,0,1,NULL,1735689600178007,1735689600187262,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/0"}','"ONE BY ONE/0"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600186360,1735689600190047,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/1"}','["dropping/1"]','ValueError: dropping/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: dropping/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600186360,1735689600190047,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/2"}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200186360,1735689600186360,1735689600190047,'/home/ann/yieldflow/tests/older/version_1.py:103','{"seconds":3600.0}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,1,'activity','work','done',1,1,2,NULL,1735689600187262,1735689600194001,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/1"}','"ONE BY ONE/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,0,'activity','work','done',1,0,1,NULL,1735689600190047,1735689600202038,'/home/ann/yieldflow/tests/older/version_1.py:112','{"label":"a5322241-473e-4f21-a843-e52d068f953d 0.10830381152467605 2025-01-01 00:00:00.190047+00:00"}','"A5322241-473E-4F21-A843-E52D068F953D 0.10830381152467605 2025-01-01 00:00:00.190047+00:00"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,3,'activity','hang','scheduled',1,1,NULL,NULL,1735689600190047,NULL,'/home/ann/yieldflow/tests/older/version_1.py:105','{"label":"dropping/3"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600194001,NULL,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600202038,NULL,'/home/ann/yieldflow/tests/older/version_1.py:113','{"label":"chance/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,0,'activity','pack','done',1,0,1,NULL,1735689600202038,1735689600206255,'/home/ann/yieldflow/tests/older/version_1.py:119',X'8005956E000000000000007D94288C056C6162656C948C0970617263656C732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,1,'activity','drop','failed',1,1,2,NULL,1735689600206255,1735689600211151,'/home/ann/yieldflow/tests/older/version_1.py:121',X'8005956E000000000000007D94288C056C6162656C948C0970617263656C732F32948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600211151,NULL,'/home/ann/yieldflow/tests/older/version_1.py:124','{"label":"parcels/3"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,0,'activity','work','done',1,0,1,NULL,1735689600274303,1735689600282568,'/home/ann/yieldflow/tests/older/version_1.py:129','{"label":"altered/1"}','"ALTERED/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600282568,NULL,'/home/ann/yieldflow/tests/older/version_1.py:130','{"label":"altered/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('done',1,0,'activity','work','done',1,0,1,NULL,1735689600286755,1735689600294605,'/home/ann/yieldflow/tests/older/version_1.py:135','{"label":"done"}','"DONE"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('packed',1,0,'activity','pack','done',1,0,1,NULL,1735689600294605,1735689600310466,'/home/ann/yieldflow/tests/older/version_1.py:140',X'8005956C000000000000007D94288C056C6162656C948C077061636B732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropped',1,0,'activity','drop','failed',1,0,1,NULL,1735689600311627,1735689600323236,'/home/ann/yieldflow/tests/older/version_1.py:145',X'8005956C000000000000007D94288C056C6162656C948C0764726F70732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('refused',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600323236,1735689600330949,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/1"}','["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: refused/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('refused',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600323236,1735689600330949,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/2"}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('odd',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600332379,1735689600342320,'/home/ann/yieldflow/tests/older/version_1.py:155','{"label":"odd/1"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,0,'activity','work','done',1,0,1,NULL,1735689600338547,1735689600343787,'/home/ann/yieldflow/tests/older/version_2.py:48','{"label":"racing/1"}','"RACING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600338547,1735689600343787,'/home/ann/yieldflow/tests/older/version_2.py:48','{"label":"racing/lost"}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200338547,1735689600338547,1735689600343787,'/home/ann/yieldflow/tests/older/version_2.py:48','{"seconds":3600.0}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,4,'activity','hang','scheduled',1,1,NULL,NULL,1735689600343787,NULL,'/home/ann/yieldflow/tests/older/version_2.py:49','{"label":"racing/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,3,'wait_signal','never','scheduled',1,1,NULL,NULL,1735689600343787,NULL,'/home/ann/yieldflow/tests/older/version_2.py:49','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('waiting',1,0,'wait_signal','note','done',1,0,1,NULL,1735689600343787,1735689603422485,'/home/ann/yieldflow/tests/older/version_2.py:54','{}','"one"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('told',1,0,'wait_signal','note','scheduled',1,0,NULL,NULL,1735689600346403,NULL,'/home/ann/yieldflow/tests/older/version_2.py:61','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,0,'child','leaf','done',1,0,1,NULL,1735689600347650,1735689600371268,'/home/ann/yieldflow/tests/older/version_2.py:82','{"label":"parent/1"}','"PARENT/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:0',1,0,'activity','work','done',1,0,1,NULL,1735689600350118,1735689600370174,'/home/ann/yieldflow/tests/older/version_2.py:72','{"label":"parent/1"}','"PARENT/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,0,'activity','work','done',1,0,1,NULL,1735689600362062,1735689600371268,'/home/ann/yieldflow/tests/older/version_2.py:98','{"label":"tasks/1"}','"TASKS/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600362062,NULL,'/home/ann/yieldflow/tests/older/version_2.py:99','{"label":"tasks/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,2,'activity','work','done',1,0,2,NULL,1735689600362062,1735689600371268,'/home/ann/yieldflow/tests/older/version_2.py:93','{"label":"tasks/branch/1"}','"TASKS/BRANCH/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600371268,NULL,'/home/ann/yieldflow/tests/older/version_2.py:94','{"label":"tasks/branch/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('limited',1,0,'activity','hang','scheduled',1,0,NULL,NULL,1735689600371268,NULL,'/home/ann/yieldflow/tests/older/version_2.py:106','{"label":"limited/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,1,'child','lost','failed',1,1,2,NULL,1735689600371268,1735689600377811,'/home/ann/yieldflow/tests/older/version_2.py:84','{"label":"parent/2"}','["parent/2","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: parent/2\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_2.py", line 77, in lost
    yield fail_oddly(label)
yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
in step 0, fail_oddly(label=''parent/2'')
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('limited',1,1,'sleep','sleep','scheduled',1,0,NULL,4327689600371268,1735689600371268,NULL,'/home/ann/yieldflow/tests/older/version_2.py:106','{"seconds":2592000000.0}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:1',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600374176,1735689600376370,'/home/ann/yieldflow/tests/older/version_2.py:77','{"label":"parent/2"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cleaning',1,0,'sleep','sleep_until','cancelled',1,0,NULL,4102444800000000,1735689600375135,1735689603446526,'/home/ann/yieldflow/tests/older/version_2.py:112','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,2,'child','child','scheduled',1,2,NULL,NULL,1735689600377811,NULL,'/home/ann/yieldflow/tests/older/version_2.py:87','{"label":"parent/a"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,3,'child','child','scheduled',1,2,NULL,NULL,1735689600377811,NULL,'/home/ann/yieldflow/tests/older/version_2.py:87','{"label":"parent/b"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:2',1,0,'activity','work','done',1,0,1,NULL,1735689600382191,1735689600384737,'/home/ann/yieldflow/tests/older/version_2.py:66','{"label":"parent/a/1"}','"PARENT/A/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:3',1,0,'activity','work','done',1,0,1,NULL,1735689600382191,1735689600384737,'/home/ann/yieldflow/tests/older/version_2.py:66','{"label":"parent/b/1"}','"PARENT/B/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('patching',1,0,'activity','hang','scheduled',1,0,NULL,NULL,1735689600383166,NULL,'/home/ann/yieldflow/tests/older/version_2.py:132','{"label":"patching/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('counting',2,0,'activity','work','done',1,0,1,NULL,1735689600384737,1735689600387611,'/home/ann/yieldflow/tests/older/version_2.py:120','{"label":"counting/2"}','"COUNTING/2"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:2',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600384737,NULL,'/home/ann/yieldflow/tests/older/version_2.py:67','{"label":"parent/a/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:3',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600384737,NULL,'/home/ann/yieldflow/tests/older/version_2.py:67','{"label":"parent/b/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('overdue',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600386586,NULL,'/home/ann/yieldflow/tests/older/version_2.py:139','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('counting',2,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600387611,NULL,'/home/ann/yieldflow/tests/older/version_2.py:122','{"label":"counting/under way"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('pausing',1,0,'activity','work_once_called','done',1,0,NULL,NULL,1735689600388343,1735689603502145,'/home/ann/yieldflow/tests/older/version_2.py:146','{"label":"pausing/1"}','"PAUSING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forking',1,0,'activity','work','done',1,0,1,NULL,1735689600389340,1735689600390308,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/1"}','"FORKING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forking',1,1,'activity','work','done',1,1,2,NULL,1735689600390308,1735689600391277,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/2"}','"FORKING/2"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('failing',1,0,'activity','work','done',1,0,1,NULL,1735689600390308,1735689600391277,'/home/ann/yieldflow/tests/older/version_2.py:156','{"label":"failing/1"}','"FAILING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('failing',1,1,'activity','hang_at_second','scheduled',1,1,NULL,NULL,1735689600391277,NULL,'/home/ann/yieldflow/tests/older/version_2.py:156','{"label":"failing/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('ended',1,0,'wait_signal','note','cancelled',1,0,NULL,NULL,1735689600391277,1735689603478895,'/home/ann/yieldflow/tests/older/version_2.py:61','{}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cancelled late',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600394270,NULL,'/home/ann/yieldflow/tests/older/version_2.py:161','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('far',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600395248,NULL,'/home/ann/yieldflow/tests/older/version_2.py:161','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('trying',1,0,'activity','fail_at_first','scheduled',2,0,NULL,1735691533057646,1735689600396144,1735689600398710,'/home/ann/yieldflow/tests/older/version_3.py:46','{"label":"trying/1"}',NULL,'ConnectionError: trying/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 16, in fail_at_first
    raise ConnectionError(label)
ConnectionError: trying/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('trying again',1,0,'activity','hang_at_second_attempt','scheduled',2,0,NULL,1735689600408861,1735689600397443,1735689600399968,'/home/ann/yieldflow/tests/older/version_3.py:51','{"label":"trying again/1"}',NULL,'ConnectionError: trying again/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 24, in hang_at_second_attempt
    raise ConnectionError(label)
ConnectionError: trying again/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('within',1,0,'activity','fail_at_first','scheduled',2,0,NULL,1735692002995717,1735689600399968,1735689600403509,'/home/ann/yieldflow/tests/older/version_3.py:57','{"label":"within/1"}',NULL,'ConnectionError: within/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 16, in fail_at_first
    raise ConnectionError(label)
ConnectionError: within/1
',NULL,1735689600399968,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('beating',1,0,'activity','beat','scheduled',1,0,NULL,NULL,1735689600402519,NULL,'/home/ann/yieldflow/tests/older/version_3.py:62','{"label":"beating/1"}',NULL,NULL,NULL,NULL,NULL,NULL,'{"rows":50}',NULL,NULL);
INSERT INTO "activity_executions" VALUES('timing out',1,0,'activity','hang','failed',1,0,1,NULL,1735689600404403,1735689600420347,'/home/ann/yieldflow/tests/older/version_3.py:68','{"label":"timing out/1"}','["attempt 1 at activity ''hang'' took longer than its timeout of 0.01 s"]','yieldflow._core.errors.ActivityTimeoutError: attempt 1 at activity ''hang'' took longer than its timeout of 0.01 s','yieldflow._core.errors.ActivityTimeoutError','',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('giving up',1,0,'activity','give_up','failed',1,0,1,NULL,1735689600410570,1735689600412892,'/home/ann/yieldflow/tests/older/version_3.py:76','{"label":"giving up/1"}','["giving up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: giving up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 41, in give_up
    raise ActivityError(label, retryable=False)
yieldflow._core.errors.ActivityError: giving up/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('given up',1,0,'activity','give_up','failed',1,0,1,NULL,1735689600411965,1735689600413971,'/home/ann/yieldflow/tests/older/version_3.py:84','{"label":"given up/1"}','["given up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: given up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 41, in give_up
    raise ActivityError(label, retryable=False)
yieldflow._core.errors.ActivityError: given up/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('giving up',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600412892,NULL,'/home/ann/yieldflow/tests/older/version_3.py:78','{"label":"giving up/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('napping',1,0,'activity','work','done',1,0,1,NULL,1735689600413971,1735689600415518,'/home/ann/yieldflow/tests/older/version_4.py:16','{"label":"napping/1"}','"NAPPING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('resting',1,0,'activity','work','done',1,0,1,NULL,1735689600415518,1735689600416523,'/home/ann/yieldflow/tests/older/version_4.py:24','{"label":"resting/1"}','"RESTING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('napping',1,1,'sleep','sleep_until','scheduled',1,1,NULL,1748736000000000,1735689600415518,NULL,'/home/ann/yieldflow/tests/older/version_4.py:17','{"until":"2025-06-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('napping, paused',1,0,'activity','work','done',1,0,1,NULL,1735689600416523,1735689600417439,'/home/ann/yieldflow/tests/older/version_4.py:16','{"label":"napping/1"}','"NAPPING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('resting',1,1,'wait_signal','note','scheduled',1,1,NULL,NULL,1735689600416523,NULL,'/home/ann/yieldflow/tests/older/version_4.py:25','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('told to rest',1,0,'activity','work','done',1,0,1,NULL,1735689600417439,1735689600421357,'/home/ann/yieldflow/tests/older/version_4.py:24','{"label":"resting/1"}','"RESTING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('napping, paused',1,1,'sleep','sleep_until','scheduled',1,1,NULL,1748736000000000,1735689600417439,NULL,'/home/ann/yieldflow/tests/older/version_4.py:17','{"until":"2025-06-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('timing out',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600420347,NULL,'/home/ann/yieldflow/tests/older/version_3.py:70','{"label":"timing out/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('told to rest',1,1,'wait_signal','note','scheduled',1,1,NULL,NULL,1735689600421357,NULL,'/home/ann/yieldflow/tests/older/version_4.py:25','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('waiting',1,1,'wait_signal','note','scheduled',1,1,NULL,NULL,1735689603422485,NULL,'/home/ann/yieldflow/tests/older/version_2.py:55','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cleaning',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689603446526,NULL,'/home/ann/yieldflow/tests/older/version_2.py:114','{"label":"cleaning/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forked',1,1,'activity','work','scheduled',1,1,NULL,NULL,1735689600390308,NULL,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forked',1,0,'activity','work','done',1,0,1,NULL,1735689600389340,1735689600390308,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/1"}','"FORKING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE meta (                      -- facts of the whole file: who owns it
    key text primary key,
    value text not null
) without rowid
;
INSERT INTO "meta" VALUES('owner','{"pid": 28162, "host": "desk", "since": "2026-11-30T18:18:45+00:00"}');
CREATE TABLE signals (
    workflow_id text not null,
    number integer not null,             -- in the order sent, from 1
    name text not null,
    sent_at integer not null,
    received integer,                    -- the place of the event that gave it to the workflow; null while it waits
    payload text not null,
    primary key (workflow_id, number)
) without rowid
;
INSERT INTO "signals" VALUES('waiting',1,'note',1735689603422485,1,'"one"');
INSERT INTO "signals" VALUES('waiting',2,'others',1735689603426550,NULL,'"three"');
INSERT INTO "signals" VALUES('waiting',3,'others',1735689603434315,NULL,'"four"');
CREATE TABLE workflow_inputs (
    number integer primary key autoincrement,
    workflow_id text not null,
    run integer,                         -- where it was applied
    kind text not null,                  -- signal, cancel, terminate, suspend, resume
    received_at integer not null,
    applied integer,                     -- its place in the order applied; null of a request not carried out yet
    name text,                           -- of a signal
    timeout real,                        -- the seconds that the workflow had, where it was cancelled for that
    payload text                         -- of a signal, or the reason
);
INSERT INTO "workflow_inputs" VALUES(1,'cleaning',1,'cancel',1735689603446526,1,NULL,NULL,'enough');
INSERT INTO "workflow_inputs" VALUES(3,'told',NULL,'signal',1735691400090903,NULL,'note',NULL,'"late"');
INSERT INTO "workflow_inputs" VALUES(4,'forked',NULL,'resume',1735691400098885,NULL,NULL,NULL,NULL);
INSERT INTO "workflow_inputs" VALUES(5,'cancelled late',NULL,'cancel',1735691400107892,NULL,NULL,NULL,'"no more"');
INSERT INTO "workflow_inputs" VALUES(6,'told to rest',NULL,'signal',1735691400114490,NULL,'note',NULL,'"kept"');
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
, parent_run integer, on_parent_end text, deadline_at integer, version text, first_name text, first_input text, patches text, wake_at integer default 9223372036854775807);
INSERT INTO "workflows" VALUES(1,'caught','caught','processing',1,1,1735689600141969,NULL,1735689600142300,NULL,NULL,NULL,X'8EC02E8857B2BF35FF1FFF66DE4CA6A1',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(2,'caught ours','caught_ours','processing',1,1,1735689600143739,NULL,1735689600144506,NULL,NULL,NULL,X'9F6E07C3229244CD683D38A7A6B8A904',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(3,'asleep','asleep','processing',1,0,1735689600150336,NULL,1735689600150493,NULL,NULL,NULL,X'8B8B75798C72F83C39F883AED44E3046',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(4,'gathering','gathering','processing',1,1,1735689600158460,NULL,1735689600162027,NULL,NULL,NULL,X'1B34C7E13681D007830253A906E5B109',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(5,'one by one','one_by_one','processing',1,1,1735689600170619,NULL,1735689600178007,NULL,NULL,NULL,X'53A23E0E9A05CEF6244F0439F7B3A63C',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(6,'dropping','dropping','processing',1,1,1735689600186197,NULL,1735689600186360,NULL,NULL,NULL,X'B9C319CE747A51D38D9CA44189AB4A75',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(7,'chance','chance','processing',1,1,1735689600187365,NULL,1735689600190047,NULL,NULL,NULL,X'B5C9FC97D947D7C590F3C0F2F91F33EA',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(8,'parcels','parcels','processing',1,1,1735689600197014,NULL,1735689600202038,NULL,NULL,NULL,X'20E5550C54C4A4D02D1218ECD213D713',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(9,'altered','altered','stalled',1,0,1735689600274036,NULL,1735689600274303,NULL,NULL,NULL,X'B5C4B67F322EA37EA6F0921F702AA281','workflow ''altered'' (altered) no longer does what its history records, at step 0:
  recorded: activity work(label=''altered/1'') at /home/ann/yieldflow/tests/older/version_1.py:129
  yielded:  activity work(label=''altered/other'') at /home/ann/yieldflow/tests/older/version_1.py:129
Bring the recorded order of steps back and register the workflow again or restart: it goes on from there. Nothing of it is lost.','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(10,'delayed','brief','processing',1,0,1735689600282365,1735693200282365,NULL,NULL,NULL,NULL,X'4BC34E41A8B834C9D10C008B702EC9F6',NULL,'{"label":"delayed"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1735693200282365);
INSERT INTO "workflows" VALUES(11,'done','brief','done',1,0,1735689600286532,NULL,1735689600286755,1735689600294605,NULL,NULL,X'50EAF24282ABF483E1C970A62412D735',NULL,'{"label":"done"}',NULL,'"DONE"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(12,'packed','packs','done',1,0,1735689600294355,NULL,1735689600294605,1735689600310466,NULL,NULL,X'D5FDF333F2052CE71B91EC9459A3F572',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(13,'dropped','drops','failed',1,0,1735689600310711,NULL,1735689600311627,1735689600323236,NULL,NULL,X'9BC769C4CE5DF7B4F01C21DCDCE946AF',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 145, in drops
    yield drop("drops/1", parcel)
tests.older.version_1.Broken: 7: it fell
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
in step 0, drop(label=''drops/1'', parcel=Parcel(number=7, contents=(''lamp'', ''lamp'')))
',NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(14,'refused','refuses','failed',1,0,1735689600322682,NULL,1735689600323236,1735689600330949,NULL,NULL,X'10F38833CCBF5B5ED4200858100F1E4A',NULL,'{}',NULL,'["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 150, in refuses
    yield gather(refuse("refused/1"), hang("refused/2"))
ValueError: refused/1
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: refused/1
in step 0, refuse(label=''refused/1'')
',NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(15,'odd','fails_oddly','failed',1,0,1735689600331725,NULL,1735689600332379,1735689600342320,NULL,NULL,X'2E73EB6AFBBF4093C68F0AE5D408252D',NULL,'{}',NULL,'["odd/1","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: odd/1\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 155, in fails_oddly
    yield fail_oddly("odd/1")
yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
in step 0, fail_oddly(label=''odd/1'')
',NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(16,'racing','racing','processing',1,1,1735689600338384,NULL,1735689600338547,NULL,NULL,NULL,X'6A92C5DF33BCA6B0EF27C3130D02581D',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(17,'waiting','waiting','processing',1,0,1735689600342608,NULL,1735689600343787,NULL,NULL,NULL,X'915A38D7D14B552700024E04D5672D7A',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(18,'told','told','processing',1,0,1735689600346245,NULL,1735689600346403,NULL,NULL,NULL,X'41920D59EA1762C468B4A69850C4040C',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(19,'parent','parent','processing',1,0,1735689600347513,NULL,1735689600347650,NULL,NULL,NULL,X'19597CC4E7212590C0A92BA0749BE770',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(20,'parent:1:0','leaf','done',1,0,1735689600347650,NULL,1735689600350118,1735689600370174,'parent',0,X'E1D0FD5FE1C996A4CA0538B2638764A1',NULL,'{"label":"parent/1"}',NULL,'"PARENT/1"',NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(21,'tasks','tasks','processing',1,1,1735689600350277,NULL,1735689600362062,NULL,NULL,NULL,X'A24634274013A8E48F5246DF7DDA7880',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(22,'parent:1:1','lost','failed',1,0,1735689600371268,NULL,1735689600374176,1735689600376370,'parent',1,X'38F9D2184C9CFE55AB1FA8D15191575F',NULL,'{"label":"parent/2"}',NULL,'["parent/2","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: parent/2\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_2.py", line 77, in lost
    yield fail_oddly(label)
yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
in step 0, fail_oddly(label=''parent/2'')
',1,'cancel',NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(23,'limited','limited','processing',1,1,1735689600370715,NULL,1735689600371268,NULL,NULL,NULL,X'77C3A05DDA6BA9151CC043FC3DB3C4E3',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(24,'cleaning','cleaning','processing',1,1,1735689600374341,NULL,1735689600375135,NULL,NULL,NULL,X'C0ADA29804D70396CB09CAFBFF0333FF',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(25,'parent:1:2','child','processing',1,1,1735689600377811,NULL,1735689600382191,NULL,'parent',2,X'FF4A0592B4546321A7A1B6A40C381083',NULL,'{"label":"parent/a"}',NULL,NULL,NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(26,'parent:1:3','child','processing',1,1,1735689600377811,NULL,1735689600382191,NULL,'parent',3,X'D38EAF8CA72F33D1C2E785E732C15711',NULL,'{"label":"parent/b"}',NULL,NULL,NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(27,'counting','counting','processing',2,1,1735689600377200,NULL,1735689600384737,NULL,NULL,NULL,X'B85B27CCE1B82F743CB9E276820D52B9',NULL,'{"number":2}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'counting','{"number":1}',NULL,NULL);
INSERT INTO "workflows" VALUES(28,'patching','patching','processing',1,1,1735689600382447,NULL,1735689600383166,NULL,NULL,NULL,X'7E56A43F81111B82BA4D3C8008D90304',NULL,'{}','{"percent":50}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'["new way"]',NULL);
INSERT INTO "workflows" VALUES(29,'overdue','overdue','processing',1,0,1735689600384878,NULL,1735689600386586,NULL,NULL,NULL,X'9362BAE1F987428479BC7F69D70C021B',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1735693200384878,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(30,'pausing','pausing','suspended',1,0,1735689600387718,NULL,1735689600388343,NULL,NULL,NULL,X'7C95F5DB4521950E642600A20CEF0685',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(31,'forking','forking','done',1,0,1735689600389229,NULL,1735689600389340,1735689600391277,NULL,NULL,X'545A5511AF23FC1924A25A0195507B6B',NULL,'{}',NULL,'["FORKING/1","FORKING/2"]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(32,'failing','failing','processing',1,1,1735689600390200,NULL,1735689600390308,NULL,NULL,NULL,X'0A89F9926B688791C53ED9EC83DAE5C5',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(33,'ended','told','cancelled',1,0,1735689600391174,NULL,1735689600391277,1735689603478895,NULL,NULL,X'148AD2ADD4DB69B5922729FB87F7F1DD','too late','{}',NULL,'["too late"]','yieldflow._core.errors.Cancelled: too late','yieldflow._core.errors.Cancelled','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(34,'cancelled late','far','processing',1,0,1735689600393606,NULL,1735689600394270,NULL,NULL,NULL,X'9B6AA06F9D1A6CA211CBD81B2BA8F7B7',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(35,'far','far','processing',1,0,1735689600395148,NULL,1735689600395248,NULL,NULL,NULL,X'141319B31AFFBFC59BD86D503F111595',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(36,'trying','trying','processing',1,0,1735689600396038,NULL,1735689600396144,NULL,NULL,NULL,X'654920796768A3CC75F2756FA9A40816',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(37,'trying again','trying_again','processing',1,1,1735689600397171,NULL,1735689600397443,NULL,NULL,NULL,X'1D9A641A75E0F26F52DD1BCEEE420852',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(38,'within','within','processing',1,0,1735689600399149,NULL,1735689600399968,NULL,NULL,NULL,X'8A082AD824CE843C18B72DDEEAB958B3',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(39,'beating','beating','processing',1,1,1735689600402341,NULL,1735689600402519,NULL,NULL,NULL,X'890AF1D217165DBC7329DA39CB6B3388',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(40,'timing out','timing_out','processing',1,1,1735689600403957,NULL,1735689600404403,NULL,NULL,NULL,X'2B46F5E5AC24521A85369A090958590F',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(41,'giving up','giving_up','processing',1,1,1735689600410427,NULL,1735689600410570,NULL,NULL,NULL,X'E595E2719B39132E805B434B784E795F',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(42,'given up','given_up','failed',1,0,1735689600411853,NULL,1735689600411965,1735689600413971,NULL,NULL,X'A3A877E1F6AA2D8049CA503EAD68D4B7',NULL,'{}',NULL,'["given up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: given up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 84, in given_up
    yield give_up("given up/1")
yieldflow._core.errors.ActivityError: given up/1
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 41, in give_up
    raise ActivityError(label, retryable=False)
yieldflow._core.errors.ActivityError: given up/1
in step 0, give_up(label=''given up/1'')
',NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(43,'napping','napping','processing',1,0,1735689600413157,NULL,1735689600413971,NULL,NULL,NULL,X'B8787347A6D408FB8D50FD9671F6D93A',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(44,'resting','resting','processing',1,0,1735689600415416,NULL,1735689600415518,NULL,NULL,NULL,X'D34B39B35F9A2FBE143E41E1428A0F0D',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(45,'napping, paused','napping','suspended',1,0,1735689600416447,NULL,1735689600416523,NULL,NULL,NULL,X'7CD1CC753C2F52055B49AA4868B453A1',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(46,'told to rest','resting','processing',1,0,1735689600417363,NULL,1735689600417439,NULL,NULL,NULL,X'92071E202D1DDAD0E2F58A6F81ECE4A9',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(47,'submitted late','brief','processing',1,0,1735691400029309,NULL,NULL,NULL,NULL,NULL,X'2806E5E6148FB6966088B273AF2CD592',NULL,'{"label":"late"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(48,'forked','forking','processing',1,0,1735691400098885,NULL,1735689600389340,NULL,NULL,NULL,X'545A5511AF23FC1924A25A0195507B6B00000000000000023FD6351C0D9BFA1B2212C96155315364',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX workflows_by_time on workflows (created_at);
CREATE INDEX workflows_by_parent on workflows (parent, parent_run) where parent is not null;
CREATE INDEX workflow_requests on workflow_inputs (number) where applied is null;
CREATE INDEX workflow_inputs_of on workflow_inputs (workflow_id);
CREATE INDEX signals_waiting on signals (workflow_id, number) where received is null;
CREATE INDEX workflows_wake_at on workflows (wake_at) where status <> 'done';
CREATE INDEX workflows_stalled on workflows (name) where status = 'stalled';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('workflow_inputs',6);
COMMIT;
