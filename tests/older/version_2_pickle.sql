pragma application_id = 2036753506;
pragma user_version = 2;
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
    error_traceback text, dropped integer,
    primary key (workflow_id, run, step)
);
INSERT INTO "activity_executions" VALUES('caught',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600134688,1735689600136305,'/home/ann/yieldflow/tests/older/version_1.py:63','{"label":"caught/1"}','["caught/1"]','ValueError: caught/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: caught/1
',NULL);
INSERT INTO "activity_executions" VALUES('caught',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600136305,NULL,'/home/ann/yieldflow/tests/older/version_1.py:66','{"label":"caught/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,0,'activity','fail_as_recorded','failed',1,0,1,NULL,1735689600143205,1735689600160607,'/home/ann/yieldflow/tests/older/version_1.py:72','{"label":"caught ours/1"}','["caught ours/1","shop.OddError","",true,null]','yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 57, in fail_as_recorded
    raise ActivityError(type_name="shop.OddError", message=label)
yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1
',NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,0,'activity','work','done',1,0,1,NULL,1735689600148995,1735689600164290,'/home/ann/yieldflow/tests/older/version_1.py:80','{"label":"asleep/1"}','"ASLEEP/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600160607,NULL,'/home/ann/yieldflow/tests/older/version_1.py:75','{"label":"caught ours/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,0,'activity','work','done',1,0,1,NULL,1735689600164290,1735689600167561,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/1"}','"GATHERING/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600164290,NULL,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,2,'activity','work','done',1,0,2,NULL,1735689600164290,1735689600167561,'/home/ann/yieldflow/tests/older/version_1.py:88','{"label":"gathering/branch/1"}','"GATHERING/BRANCH/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,1,'sleep','sleep','scheduled',1,1,NULL,1735693200164290,1735689600164290,NULL,'/home/ann/yieldflow/tests/older/version_1.py:81','{"seconds":3600.0}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600167561,NULL,'/home/ann/yieldflow/tests/older/version_1.py:89','{"label":"gathering/branch/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,0,'activity','work','done',1,0,1,NULL,1735689600168628,1735689600171538,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/0"}','"ONE BY ONE/0"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,1,'activity','work','done',1,1,2,NULL,1735689600171538,1735689600176671,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/1"}','"ONE BY ONE/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600172607,1735689600177891,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/1"}','["dropping/1"]','ValueError: dropping/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: dropping/1
',NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600172607,1735689600177891,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/2"}',NULL,NULL,NULL,NULL,1);
INSERT INTO "activity_executions" VALUES('dropping',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200172607,1735689600172607,1735689600177891,'/home/ann/yieldflow/tests/older/version_1.py:103','{"seconds":3600.0}',NULL,NULL,NULL,NULL,1);
INSERT INTO "activity_executions" VALUES('one by one',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600176671,NULL,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,3,'activity','hang','scheduled',1,1,NULL,NULL,1735689600177891,NULL,'/home/ann/yieldflow/tests/older/version_1.py:105','{"label":"dropping/3"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,0,'activity','work','done',1,0,1,NULL,1735689600177891,1735689600188588,'/home/ann/yieldflow/tests/older/version_1.py:112','{"label":"a3ea3cd6-83ea-45c1-96d5-7751d1dc9b5a 0.033218325326494824 2025-01-01 00:00:00.177891+00:00"}','"A3EA3CD6-83EA-45C1-96D5-7751D1DC9B5A 0.033218325326494824 2025-01-01 00:00:00.177891+00:00"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600188588,NULL,'/home/ann/yieldflow/tests/older/version_1.py:113','{"label":"chance/1"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,0,'activity','pack','done',1,0,1,NULL,1735689600208787,1735689600209887,'/home/ann/yieldflow/tests/older/version_1.py:119',X'8005956E000000000000007D94288C056C6162656C948C0970617263656C732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,1,'activity','drop','failed',1,1,2,NULL,1735689600209887,1735689600215893,'/home/ann/yieldflow/tests/older/version_1.py:121',X'8005956E000000000000007D94288C056C6162656C948C0970617263656C732F32948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
',NULL);
INSERT INTO "activity_executions" VALUES('altered',1,0,'activity','work','done',1,0,1,NULL,1735689600214691,1735689600224576,'/home/ann/yieldflow/tests/older/version_1.py:129','{"label":"altered/1"}','"ALTERED/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600215893,NULL,'/home/ann/yieldflow/tests/older/version_1.py:124','{"label":"parcels/3"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600224576,NULL,'/home/ann/yieldflow/tests/older/version_1.py:130','{"label":"altered/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('done',1,0,'activity','work','done',1,0,1,NULL,1735689600229339,1735689600230583,'/home/ann/yieldflow/tests/older/version_1.py:135','{"label":"done"}','"DONE"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('packed',1,0,'activity','pack','done',1,0,1,NULL,1735689600236588,1735689600245337,'/home/ann/yieldflow/tests/older/version_1.py:140',X'8005956C000000000000007D94288C056C6162656C948C077061636B732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropped',1,0,'activity','drop','failed',1,0,1,NULL,1735689600248593,1735689600257781,'/home/ann/yieldflow/tests/older/version_1.py:145',X'8005956C000000000000007D94288C056C6162656C948C0764726F70732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
',NULL);
INSERT INTO "activity_executions" VALUES('refused',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600272866,1735689600280522,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/1"}','["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: refused/1
',NULL);
INSERT INTO "activity_executions" VALUES('refused',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600272866,1735689600280522,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/2"}',NULL,NULL,NULL,NULL,1);
INSERT INTO "activity_executions" VALUES('odd',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600276809,1735689600285013,'/home/ann/yieldflow/tests/older/version_1.py:155','{"label":"odd/1"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
',NULL);
INSERT INTO "activity_executions" VALUES('racing',1,0,'activity','work','done',1,0,1,NULL,1735689600285013,1735689600297272,'/home/ann/yieldflow/tests/older/version_2.py:48','{"label":"racing/1"}','"RACING/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600285013,1735689600297272,'/home/ann/yieldflow/tests/older/version_2.py:48','{"label":"racing/lost"}',NULL,NULL,NULL,NULL,1);
INSERT INTO "activity_executions" VALUES('racing',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200285013,1735689600285013,1735689600297272,'/home/ann/yieldflow/tests/older/version_2.py:48','{"seconds":3600.0}',NULL,NULL,NULL,NULL,1);
INSERT INTO "activity_executions" VALUES('racing',1,4,'activity','hang','scheduled',1,1,NULL,NULL,1735689600297272,NULL,'/home/ann/yieldflow/tests/older/version_2.py:49','{"label":"racing/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,3,'wait_signal','never','scheduled',1,1,NULL,NULL,1735689600297272,NULL,'/home/ann/yieldflow/tests/older/version_2.py:49','{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('waiting',1,0,'wait_signal','note','done',1,0,1,NULL,1735689600297272,1735689603341023,'/home/ann/yieldflow/tests/older/version_2.py:54','{}','"one"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('told',1,0,'wait_signal','note','scheduled',1,0,NULL,NULL,1735689600298554,NULL,'/home/ann/yieldflow/tests/older/version_2.py:61','{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,0,'child','leaf','done',1,0,1,NULL,1735689600314835,1735689600319698,'/home/ann/yieldflow/tests/older/version_2.py:82','{"label":"parent/1"}','"PARENT/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:0',1,0,'activity','work','done',1,0,1,NULL,1735689600316941,1735689600318833,'/home/ann/yieldflow/tests/older/version_2.py:72','{"label":"parent/1"}','"PARENT/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,0,'activity','work','done',1,0,1,NULL,1735689600317881,1735689600319698,'/home/ann/yieldflow/tests/older/version_2.py:98','{"label":"tasks/1"}','"TASKS/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600317881,NULL,'/home/ann/yieldflow/tests/older/version_2.py:99','{"label":"tasks/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,2,'activity','work','done',1,0,2,NULL,1735689600317881,1735689600319698,'/home/ann/yieldflow/tests/older/version_2.py:93','{"label":"tasks/branch/1"}','"TASKS/BRANCH/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600319698,NULL,'/home/ann/yieldflow/tests/older/version_2.py:94','{"label":"tasks/branch/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('limited',1,0,'activity','hang','scheduled',1,0,NULL,NULL,1735689600319698,NULL,'/home/ann/yieldflow/tests/older/version_2.py:106','{"label":"limited/1"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,1,'child','lost','failed',1,1,2,NULL,1735689600319698,1735689600328191,'/home/ann/yieldflow/tests/older/version_2.py:84','{"label":"parent/2"}','["parent/2","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: parent/2\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_2.py", line 77, in lost
    yield fail_oddly(label)
yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
in step 0, fail_oddly(label=''parent/2'')
',NULL);
INSERT INTO "activity_executions" VALUES('limited',1,1,'sleep','sleep','scheduled',1,0,NULL,4327689600319698,1735689600319698,NULL,'/home/ann/yieldflow/tests/older/version_2.py:106','{"seconds":2592000000.0}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:1',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600324821,1735689600326876,'/home/ann/yieldflow/tests/older/version_2.py:77','{"label":"parent/2"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
',NULL);
INSERT INTO "activity_executions" VALUES('cleaning',1,0,'sleep','sleep_until','cancelled',1,0,NULL,4102444800000000,1735689600325784,1735689603365466,'/home/ann/yieldflow/tests/older/version_2.py:112','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,1);
INSERT INTO "activity_executions" VALUES('parent',1,2,'child','child','scheduled',1,2,NULL,NULL,1735689600328191,NULL,'/home/ann/yieldflow/tests/older/version_2.py:87','{"label":"parent/a"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,3,'child','child','scheduled',1,2,NULL,NULL,1735689600328191,NULL,'/home/ann/yieldflow/tests/older/version_2.py:87','{"label":"parent/b"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:2',1,0,'activity','work','done',1,0,1,NULL,1735689600329186,1735689600331177,'/home/ann/yieldflow/tests/older/version_2.py:66','{"label":"parent/a/1"}','"PARENT/A/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:3',1,0,'activity','work','done',1,0,1,NULL,1735689600329186,1735689600331177,'/home/ann/yieldflow/tests/older/version_2.py:66','{"label":"parent/b/1"}','"PARENT/B/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('patching',1,0,'activity','hang','scheduled',1,0,NULL,NULL,1735689600329987,NULL,'/home/ann/yieldflow/tests/older/version_2.py:132','{"label":"patching/1"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('counting',2,0,'activity','work','done',1,0,1,NULL,1735689600331177,1735689600332970,'/home/ann/yieldflow/tests/older/version_2.py:120','{"label":"counting/2"}','"COUNTING/2"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:2',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600331177,NULL,'/home/ann/yieldflow/tests/older/version_2.py:67','{"label":"parent/a/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:3',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600331177,NULL,'/home/ann/yieldflow/tests/older/version_2.py:67','{"label":"parent/b/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('overdue',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600332290,NULL,'/home/ann/yieldflow/tests/older/version_2.py:139','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('counting',2,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600332970,NULL,'/home/ann/yieldflow/tests/older/version_2.py:122','{"label":"counting/under way"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('pausing',1,0,'activity','work_once_called','done',1,0,NULL,NULL,1735689600333424,1735689603372448,'/home/ann/yieldflow/tests/older/version_2.py:146','{"label":"pausing/1"}','"PAUSING/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forking',1,0,'activity','work','done',1,0,1,NULL,1735689600333987,1735689600340696,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/1"}','"FORKING/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('failing',1,0,'activity','work','done',1,0,1,NULL,1735689600334605,1735689600340696,'/home/ann/yieldflow/tests/older/version_2.py:156','{"label":"failing/1"}','"FAILING/1"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('ended',1,0,'wait_signal','note','cancelled',1,0,NULL,NULL,1735689600335225,1735689603368628,'/home/ann/yieldflow/tests/older/version_2.py:61','{}',NULL,NULL,NULL,NULL,1);
INSERT INTO "activity_executions" VALUES('cancelled late',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600335908,NULL,'/home/ann/yieldflow/tests/older/version_2.py:161','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('far',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600336601,NULL,'/home/ann/yieldflow/tests/older/version_2.py:161','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forking',1,1,'activity','work','done',1,1,2,NULL,1735689600340696,1735689600341787,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/2"}','"FORKING/2"',NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('failing',1,1,'activity','hang_at_second','scheduled',1,1,NULL,NULL,1735689600340696,NULL,'/home/ann/yieldflow/tests/older/version_2.py:156','{"label":"failing/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('waiting',1,1,'wait_signal','note','scheduled',1,1,NULL,NULL,1735689603341023,NULL,'/home/ann/yieldflow/tests/older/version_2.py:55','{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cleaning',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689603365466,NULL,'/home/ann/yieldflow/tests/older/version_2.py:114','{"label":"cleaning/1"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forked',1,1,'activity','work','scheduled',1,1,NULL,NULL,1735689600340696,NULL,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/2"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forked',1,0,'activity','work','done',1,0,1,NULL,1735689600333987,1735689600340696,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/1"}','"FORKING/1"',NULL,NULL,NULL,NULL);
CREATE TABLE meta (                      -- facts of the whole file: who owns it
    key text primary key,
    value text not null
) without rowid
;
INSERT INTO "meta" VALUES('owner','{"pid": 12183, "host": "desk", "since": "2026-11-25T21:08:01+00:00"}');
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
INSERT INTO "signals" VALUES('waiting',1,'note',1735689603341023,1,'"one"');
INSERT INTO "signals" VALUES('waiting',2,'others',1735689603360021,NULL,'"three"');
INSERT INTO "signals" VALUES('waiting',3,'others',1735689603364846,NULL,'"four"');
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
INSERT INTO "workflow_inputs" VALUES(1,'cleaning',1,'cancel',1735689603365466,1,NULL,NULL,'enough');
INSERT INTO "workflow_inputs" VALUES(3,'told',NULL,'signal',1735691400017534,NULL,'note',NULL,'"late"');
INSERT INTO "workflow_inputs" VALUES(4,'forked',NULL,'resume',1735691400018371,NULL,NULL,NULL,NULL);
INSERT INTO "workflow_inputs" VALUES(5,'cancelled late',NULL,'cancel',1735691400019117,NULL,NULL,NULL,'"no more"');
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
, parent_run integer, on_parent_end text, deadline_at integer, version text, first_name text, first_input text, patches text);
INSERT INTO "workflows" VALUES(1,'caught','caught','processing',1,1,1735689600134422,NULL,1735689600134688,NULL,NULL,NULL,X'9802ACCFF3F1AA2F7A150F2B28161AF3',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(2,'caught ours','caught_ours','processing',1,1,1735689600136682,NULL,1735689600143205,NULL,NULL,NULL,X'D1CEFF7AAFF11091B44C3A6DA4F622AA',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(3,'asleep','asleep','processing',1,0,1735689600148826,NULL,1735689600148995,NULL,NULL,NULL,X'6D87E93DB42939D35854A0C3564F5F1F',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(4,'gathering','gathering','processing',1,1,1735689600161035,NULL,1735689600164290,NULL,NULL,NULL,X'9C27FF9F1A8F48FE56A47470CBCBB5BA',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(5,'one by one','one_by_one','processing',1,1,1735689600167863,NULL,1735689600168628,NULL,NULL,NULL,X'2730E4C600FA04E7B6D31100365BA771',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(6,'dropping','dropping','processing',1,1,1735689600170683,NULL,1735689600172607,NULL,NULL,NULL,X'15B87CD7A0A6E2B06882988DCBECF850',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(7,'chance','chance','processing',1,1,1735689600177421,NULL,1735689600177891,NULL,NULL,NULL,X'50C138406BF8C38AA72CBD167181E30B',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(8,'parcels','parcels','processing',1,1,1735689600187897,NULL,1735689600208787,NULL,NULL,NULL,X'CF62CC429C73CDD363F5BD663701C2C5',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(9,'altered','altered','stalled',1,0,1735689600210012,NULL,1735689600214691,NULL,NULL,NULL,X'3523A413DFED632EB298EF948FC83148','workflow ''altered'' (altered) no longer does what its history records, at step 0:
  recorded: activity work(label=''altered/1'') at /home/ann/yieldflow/tests/older/version_1.py:129
  yielded:  activity work(label=''altered/other'') at /home/ann/yieldflow/tests/older/version_1.py:129
Bring the recorded order of steps back and register the workflow again or restart: it goes on from there. Nothing of it is lost.','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(10,'delayed','brief','processing',1,0,1735689600220505,1735693200220505,NULL,NULL,NULL,NULL,X'A83ECF68AC19E4BBE67E25C9A5BE04E1',NULL,'{"label":"delayed"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(11,'done','brief','done',1,0,1735689600229129,NULL,1735689600229339,1735689600230583,NULL,NULL,X'946F19428436B244125B153EE3334F2D',NULL,'{"label":"done"}',NULL,'"DONE"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(12,'packed','packs','done',1,0,1735689600230298,NULL,1735689600236588,1735689600245337,NULL,NULL,X'D00E5DB9EFCE831249F7193996B8F9E8',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(13,'dropped','drops','failed',1,0,1735689600244720,NULL,1735689600248593,1735689600257781,NULL,NULL,X'BD05E02B432A961D791B0218A7D8E60F',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 145, in drops
    yield drop("drops/1", parcel)
tests.older.version_1.Broken: 7: it fell
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
in step 0, drop(label=''drops/1'', parcel=Parcel(number=7, contents=(''lamp'', ''lamp'')))
',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(14,'refused','refuses','failed',1,0,1735689600256623,NULL,1735689600272866,1735689600280522,NULL,NULL,X'EF617F50346AC9EA442D7F6AED34D9F2',NULL,'{}',NULL,'["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 150, in refuses
    yield gather(refuse("refused/1"), hang("refused/2"))
ValueError: refused/1
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: refused/1
in step 0, refuse(label=''refused/1'')
',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(15,'odd','fails_oddly','failed',1,0,1735689600276650,NULL,1735689600276809,1735689600285013,NULL,NULL,X'7402EDA08C8A394498748E53314E7CC9',NULL,'{}',NULL,'["odd/1","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: odd/1\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 155, in fails_oddly
    yield fail_oddly("odd/1")
yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
in step 0, fail_oddly(label=''odd/1'')
',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(16,'racing','racing','processing',1,1,1735689600280794,NULL,1735689600285013,NULL,NULL,NULL,X'2AF254ACC245C8AF00406CD905F50E0E',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(17,'waiting','waiting','processing',1,0,1735689600297089,NULL,1735689600297272,NULL,NULL,NULL,X'6D9AF57A634F4E74658A444CB3A59FB9',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(18,'told','told','processing',1,0,1735689600298387,NULL,1735689600298554,NULL,NULL,NULL,X'02DC3E2DC232B419FDA6A67A98D278A2',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(19,'parent','parent','processing',1,0,1735689600314608,NULL,1735689600314835,NULL,NULL,NULL,X'131DB8AE3ED21BC7D7B1117703B4B262',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(20,'parent:1:0','leaf','done',1,0,1735689600314835,NULL,1735689600316941,1735689600318833,'parent',0,X'EBB8A1C8B426F0A20970CBF11E40A592',NULL,'{"label":"parent/1"}',NULL,'"PARENT/1"',NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(21,'tasks','tasks','processing',1,1,1735689600317400,NULL,1735689600317881,NULL,NULL,NULL,X'2C65CCE40CE1E952F6A3D2E765FA44DF',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(22,'parent:1:1','lost','failed',1,0,1735689600319698,NULL,1735689600324821,1735689600326876,'parent',1,X'75B1D8AE15E94A8BE094B07C490F6704',NULL,'{"label":"parent/2"}',NULL,'["parent/2","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: parent/2\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_2.py", line 77, in lost
    yield fail_oddly(label)
yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
in step 0, fail_oddly(label=''parent/2'')
',1,'cancel',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(23,'limited','limited','processing',1,1,1735689600319063,NULL,1735689600319698,NULL,NULL,NULL,X'2CA845B49998E24C4CF7794693C0C905',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(24,'cleaning','cleaning','processing',1,1,1735689600324889,NULL,1735689600325784,NULL,NULL,NULL,X'5536D6E830C11C3989E75D4E3999B242',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(25,'parent:1:2','child','processing',1,1,1735689600328191,NULL,1735689600329186,NULL,'parent',2,X'4D73103A1C9D7B271E1B10877E0C012D',NULL,'{"label":"parent/a"}',NULL,NULL,NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(26,'parent:1:3','child','processing',1,1,1735689600328191,NULL,1735689600329186,NULL,'parent',3,X'3CE47D05558E8E9E1026DC337A3BABE7',NULL,'{"label":"parent/b"}',NULL,NULL,NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(27,'counting','counting','processing',2,1,1735689600327612,NULL,1735689600331177,NULL,NULL,NULL,X'FA8CC822BB3696FA6A9BD4CD14DB3F5E',NULL,'{"number":2}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'counting','{"number":1}',NULL);
INSERT INTO "workflows" VALUES(28,'patching','patching','processing',1,1,1735689600329377,NULL,1735689600329987,NULL,NULL,NULL,X'789ABFEB1DEE02DCDD1F54B4ABFA6457',NULL,'{}','{"percent":50}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'["new way"]');
INSERT INTO "workflows" VALUES(29,'overdue','overdue','processing',1,0,1735689600331287,NULL,1735689600332290,NULL,NULL,NULL,X'7B7FD62984DCF77321E442518DF7ECB2',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1735693200331287,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(30,'pausing','pausing','suspended',1,0,1735689600333040,NULL,1735689600333424,NULL,NULL,NULL,X'22EA1C7F6F6EEDB391E906C9619F93F5',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(31,'forking','forking','done',1,0,1735689600333893,NULL,1735689600333987,1735689600341787,NULL,NULL,X'5D5B32B6C6164756C933CD45E2D4249F',NULL,'{}',NULL,'["FORKING/1","FORKING/2"]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(32,'failing','failing','processing',1,1,1735689600334489,NULL,1735689600334605,NULL,NULL,NULL,X'6CA9BB32444E81FAA89C5D82CE99911E',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(33,'ended','told','cancelled',1,0,1735689600335134,NULL,1735689600335225,1735689603368628,NULL,NULL,X'4998C221655B7DC28A7ECA1558EBD504','too late','{}',NULL,'["too late"]','yieldflow._core.errors.Cancelled: too late','yieldflow._core.errors.Cancelled','',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(34,'cancelled late','far','processing',1,0,1735689600335817,NULL,1735689600335908,NULL,NULL,NULL,X'D1B8DB033DBE418B635C2CCDED783332',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(35,'far','far','processing',1,0,1735689600336497,NULL,1735689600336601,NULL,NULL,NULL,X'3585B2490F9BE7A7D67A30225D9A68F7',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(36,'submitted late','brief','processing',1,0,1735691400005587,NULL,NULL,NULL,NULL,NULL,X'42542AC208A64A7C0D5676EADA44A755',NULL,'{"label":"late"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(37,'forked','forking','processing',1,0,1735691400018371,NULL,1735689600333987,NULL,NULL,NULL,X'5D5B32B6C6164756C933CD45E2D4249F00000000000000020C3876D5E0D14B783ACACA8CDD27AD86',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX workflows_not_done on workflows (started_at) where status <> 'done';
CREATE INDEX workflows_by_time on workflows (created_at);
CREATE INDEX workflows_by_parent on workflows (parent, parent_run) where parent is not null;
CREATE INDEX workflow_requests on workflow_inputs (number) where applied is null;
CREATE INDEX workflow_inputs_of on workflow_inputs (workflow_id);
CREATE INDEX signals_waiting on signals (workflow_id, number) where received is null;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('workflow_inputs',5);
COMMIT;
