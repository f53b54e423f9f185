pragma application_id = 2036753506;
pragma user_version = 3;
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
    error_traceback text, dropped integer, counted_from integer, heartbeat text,
    primary key (workflow_id, run, step)
);
INSERT INTO "activity_executions" VALUES('caught',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600082581,1735689600088992,'/home/ann/yieldflow/tests/older/version_1.py:63','{"label":"caught/1"}','["caught/1"]','ValueError: caught/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: caught/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,0,'activity','fail_as_recorded','failed',1,0,1,NULL,1735689600085580,1735689600091621,'/home/ann/yieldflow/tests/older/version_1.py:72','{"label":"caught ours/1"}','["caught ours/1","shop.OddError","",true,null]','yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 57, in fail_as_recorded
    raise ActivityError(type_name="shop.OddError", message=label)
yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600088992,NULL,'/home/ann/yieldflow/tests/older/version_1.py:66','{"label":"caught/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600091621,NULL,'/home/ann/yieldflow/tests/older/version_1.py:75','{"label":"caught ours/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,0,'activity','work','done',1,0,1,NULL,1735689600091621,1735689600101497,'/home/ann/yieldflow/tests/older/version_1.py:80','{"label":"asleep/1"}','"ASLEEP/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,0,'activity','work','done',1,0,1,NULL,1735689600101497,1735689600105403,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/1"}','"GATHERING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600101497,NULL,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,2,'activity','work','done',1,0,2,NULL,1735689600101497,1735689600111349,'/home/ann/yieldflow/tests/older/version_1.py:88','{"label":"gathering/branch/1"}','"GATHERING/BRANCH/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,1,'sleep','sleep','scheduled',1,1,NULL,1735693200101497,1735689600101497,NULL,'/home/ann/yieldflow/tests/older/version_1.py:81','{"seconds":3600.0}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600111349,NULL,'/home/ann/yieldflow/tests/older/version_1.py:89','{"label":"gathering/branch/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,0,'activity','work','done',1,0,1,NULL,1735689600113362,1735689600133604,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/0"}','"ONE BY ONE/0"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,1,'activity','work','done',1,1,2,NULL,1735689600133604,1735689600137641,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/1"}','"ONE BY ONE/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600136824,1735689600138805,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/1"}','["dropping/1"]','ValueError: dropping/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: dropping/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600136824,1735689600138805,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/2"}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200136824,1735689600136824,1735689600138805,'/home/ann/yieldflow/tests/older/version_1.py:103','{"seconds":3600.0}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600137641,NULL,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,0,'activity','work','done',1,0,1,NULL,1735689600138805,1735689600140243,'/home/ann/yieldflow/tests/older/version_1.py:112','{"label":"2bd5834a-2c6e-4c7f-9284-1c385231fb83 0.9968612359901172 2025-01-01 00:00:00.138805+00:00"}','"2BD5834A-2C6E-4C7F-9284-1C385231FB83 0.9968612359901172 2025-01-01 00:00:00.138805+00:00"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,3,'activity','hang','scheduled',1,1,NULL,NULL,1735689600138805,NULL,'/home/ann/yieldflow/tests/older/version_1.py:105','{"label":"dropping/3"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600140243,NULL,'/home/ann/yieldflow/tests/older/version_1.py:113','{"label":"chance/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,0,'activity','pack','done',1,0,1,NULL,1735689600143300,1735689600144444,'/home/ann/yieldflow/tests/older/version_1.py:119',X'8005956E000000000000007D94288C056C6162656C948C0970617263656C732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,1,'activity','drop','failed',1,1,2,NULL,1735689600144444,1735689600148179,'/home/ann/yieldflow/tests/older/version_1.py:121',X'8005956E000000000000007D94288C056C6162656C948C0970617263656C732F32948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,0,'activity','work','done',1,0,1,NULL,1735689600145182,1735689600148939,'/home/ann/yieldflow/tests/older/version_1.py:129','{"label":"altered/1"}','"ALTERED/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parcels',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600148179,NULL,'/home/ann/yieldflow/tests/older/version_1.py:124','{"label":"parcels/3"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600148939,NULL,'/home/ann/yieldflow/tests/older/version_1.py:130','{"label":"altered/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('done',1,0,'activity','work','done',1,0,1,NULL,1735689600149760,1735689600150521,'/home/ann/yieldflow/tests/older/version_1.py:135','{"label":"done"}','"DONE"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('packed',1,0,'activity','pack','done',1,0,1,NULL,1735689600150521,1735689600151451,'/home/ann/yieldflow/tests/older/version_1.py:140',X'8005956C000000000000007D94288C056C6162656C948C077061636B732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropped',1,0,'activity','drop','failed',1,0,1,NULL,1735689600154090,1735689600156685,'/home/ann/yieldflow/tests/older/version_1.py:145',X'8005956C000000000000007D94288C056C6162656C948C0764726F70732F31948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680B86947562752E',X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 39, in drop
    raise Broken(parcel, why="it fell")
tests.older.version_1.Broken: 7: it fell
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('refused',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600163697,1735689600173970,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/1"}','["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: refused/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('refused',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600163697,1735689600173970,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/2"}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('odd',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600170322,1735689600181546,'/home/ann/yieldflow/tests/older/version_1.py:155','{"label":"odd/1"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,0,'activity','work','done',1,0,1,NULL,1735689600181546,1735689600194029,'/home/ann/yieldflow/tests/older/version_2.py:48','{"label":"racing/1"}','"RACING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600181546,1735689600194029,'/home/ann/yieldflow/tests/older/version_2.py:48','{"label":"racing/lost"}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200181546,1735689600181546,1735689600194029,'/home/ann/yieldflow/tests/older/version_2.py:48','{"seconds":3600.0}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,4,'activity','hang','scheduled',1,1,NULL,NULL,1735689600194029,NULL,'/home/ann/yieldflow/tests/older/version_2.py:49','{"label":"racing/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,3,'wait_signal','never','scheduled',1,1,NULL,NULL,1735689600194029,NULL,'/home/ann/yieldflow/tests/older/version_2.py:49','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('waiting',1,0,'wait_signal','note','done',1,0,1,NULL,1735689600194029,1735689603292047,'/home/ann/yieldflow/tests/older/version_2.py:54','{}','"one"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('told',1,0,'wait_signal','note','scheduled',1,0,NULL,NULL,1735689600198150,NULL,'/home/ann/yieldflow/tests/older/version_2.py:61','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,0,'child','leaf','done',1,0,1,NULL,1735689600200056,1735689600217378,'/home/ann/yieldflow/tests/older/version_2.py:82','{"label":"parent/1"}','"PARENT/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:0',1,0,'activity','work','done',1,0,1,NULL,1735689600205524,1735689600213616,'/home/ann/yieldflow/tests/older/version_2.py:72','{"label":"parent/1"}','"PARENT/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,0,'activity','work','done',1,0,1,NULL,1735689600211041,1735689600217378,'/home/ann/yieldflow/tests/older/version_2.py:98','{"label":"tasks/1"}','"TASKS/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600211041,NULL,'/home/ann/yieldflow/tests/older/version_2.py:99','{"label":"tasks/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,2,'activity','work','done',1,0,2,NULL,1735689600211041,1735689600217378,'/home/ann/yieldflow/tests/older/version_2.py:93','{"label":"tasks/branch/1"}','"TASKS/BRANCH/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600217378,NULL,'/home/ann/yieldflow/tests/older/version_2.py:94','{"label":"tasks/branch/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('limited',1,0,'activity','hang','scheduled',1,0,NULL,NULL,1735689600217378,NULL,'/home/ann/yieldflow/tests/older/version_2.py:106','{"label":"limited/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,1,'child','lost','failed',1,1,2,NULL,1735689600217378,1735689600230468,'/home/ann/yieldflow/tests/older/version_2.py:84','{"label":"parent/2"}','["parent/2","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: parent/2\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_2.py", line 77, in lost
    yield fail_oddly(label)
yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
in step 0, fail_oddly(label=''parent/2'')
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('limited',1,1,'sleep','sleep','scheduled',1,0,NULL,4327689600217378,1735689600217378,NULL,'/home/ann/yieldflow/tests/older/version_2.py:106','{"seconds":2592000000.0}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:1',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600218728,1735689600223226,'/home/ann/yieldflow/tests/older/version_2.py:77','{"label":"parent/2"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cleaning',1,0,'sleep','sleep_until','cancelled',1,0,NULL,4102444800000000,1735689600221469,1735689603323431,'/home/ann/yieldflow/tests/older/version_2.py:112','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,2,'child','child','scheduled',1,2,NULL,NULL,1735689600230468,NULL,'/home/ann/yieldflow/tests/older/version_2.py:87','{"label":"parent/a"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,3,'child','child','scheduled',1,2,NULL,NULL,1735689600230468,NULL,'/home/ann/yieldflow/tests/older/version_2.py:87','{"label":"parent/b"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:2',1,0,'activity','work','done',1,0,1,NULL,1735689600233579,1735689600240843,'/home/ann/yieldflow/tests/older/version_2.py:66','{"label":"parent/a/1"}','"PARENT/A/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:3',1,0,'activity','work','done',1,0,1,NULL,1735689600233579,1735689600240843,'/home/ann/yieldflow/tests/older/version_2.py:66','{"label":"parent/b/1"}','"PARENT/B/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('patching',1,0,'activity','hang','scheduled',1,0,NULL,NULL,1735689600238308,NULL,'/home/ann/yieldflow/tests/older/version_2.py:132','{"label":"patching/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('counting',2,0,'activity','work','done',1,0,1,NULL,1735689600240843,1735689600249424,'/home/ann/yieldflow/tests/older/version_2.py:120','{"label":"counting/2"}','"COUNTING/2"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:2',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600240843,NULL,'/home/ann/yieldflow/tests/older/version_2.py:67','{"label":"parent/a/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:3',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600240843,NULL,'/home/ann/yieldflow/tests/older/version_2.py:67','{"label":"parent/b/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('overdue',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600245508,NULL,'/home/ann/yieldflow/tests/older/version_2.py:139','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('counting',2,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600249424,NULL,'/home/ann/yieldflow/tests/older/version_2.py:122','{"label":"counting/under way"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('pausing',1,0,'activity','work_once_called','done',1,0,NULL,NULL,1735689600253411,1735689603378792,'/home/ann/yieldflow/tests/older/version_2.py:146','{"label":"pausing/1"}','"PAUSING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forking',1,0,'activity','work','done',1,0,1,NULL,1735689600254558,1735689600257104,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/1"}','"FORKING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forking',1,1,'activity','work','done',1,1,2,NULL,1735689600257104,1735689600260520,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/2"}','"FORKING/2"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('failing',1,0,'activity','work','done',1,0,1,NULL,1735689600257104,1735689600260520,'/home/ann/yieldflow/tests/older/version_2.py:156','{"label":"failing/1"}','"FAILING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('failing',1,1,'activity','hang_at_second','scheduled',1,1,NULL,NULL,1735689600260520,NULL,'/home/ann/yieldflow/tests/older/version_2.py:156','{"label":"failing/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('ended',1,0,'wait_signal','note','cancelled',1,0,NULL,NULL,1735689600265526,1735689603362790,'/home/ann/yieldflow/tests/older/version_2.py:61','{}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cancelled late',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600269588,NULL,'/home/ann/yieldflow/tests/older/version_2.py:161','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('far',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600273425,NULL,'/home/ann/yieldflow/tests/older/version_2.py:161','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('trying',1,0,'activity','fail_at_first','scheduled',2,0,NULL,1735692927069694,1735689600274987,1735689600282345,'/home/ann/yieldflow/tests/older/version_3.py:46','{"label":"trying/1"}',NULL,'ConnectionError: trying/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 16, in fail_at_first
    raise ConnectionError(label)
ConnectionError: trying/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('trying again',1,0,'activity','hang_at_second_attempt','scheduled',2,0,NULL,1735689600293056,1735689600282345,1735689600284347,'/home/ann/yieldflow/tests/older/version_3.py:51','{"label":"trying again/1"}',NULL,'ConnectionError: trying again/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 24, in hang_at_second_attempt
    raise ConnectionError(label)
ConnectionError: trying again/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('within',1,0,'activity','fail_at_first','scheduled',2,0,NULL,1735692914317288,1735689600283631,1735689600285031,'/home/ann/yieldflow/tests/older/version_3.py:57','{"label":"within/1"}',NULL,'ConnectionError: within/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 16, in fail_at_first
    raise ConnectionError(label)
ConnectionError: within/1
',NULL,1735689600283631,NULL);
INSERT INTO "activity_executions" VALUES('beating',1,0,'activity','beat','scheduled',1,0,NULL,NULL,1735689600285031,NULL,'/home/ann/yieldflow/tests/older/version_3.py:62','{"label":"beating/1"}',NULL,NULL,NULL,NULL,NULL,NULL,'{"rows":50}');
INSERT INTO "activity_executions" VALUES('timing out',1,0,'activity','hang','failed',1,0,1,NULL,1735689600287407,1735689600299259,'/home/ann/yieldflow/tests/older/version_3.py:68','{"label":"timing out/1"}','["attempt 1 at activity ''hang'' took longer than its timeout of 0.01 s"]','yieldflow._core.errors.ActivityTimeoutError: attempt 1 at activity ''hang'' took longer than its timeout of 0.01 s','yieldflow._core.errors.ActivityTimeoutError','',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('giving up',1,0,'activity','give_up','failed',1,0,1,NULL,1735689600289462,1735689600290722,'/home/ann/yieldflow/tests/older/version_3.py:76','{"label":"giving up/1"}','["giving up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: giving up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 41, in give_up
    raise ActivityError(label, retryable=False)
yieldflow._core.errors.ActivityError: giving up/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('given up',1,0,'activity','give_up','failed',1,0,1,NULL,1735689600290722,1735689600291825,'/home/ann/yieldflow/tests/older/version_3.py:84','{"label":"given up/1"}','["given up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: given up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 41, in give_up
    raise ActivityError(label, retryable=False)
yieldflow._core.errors.ActivityError: given up/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('giving up',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600290722,NULL,'/home/ann/yieldflow/tests/older/version_3.py:78','{"label":"giving up/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('timing out',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600299259,NULL,'/home/ann/yieldflow/tests/older/version_3.py:70','{"label":"timing out/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('waiting',1,1,'wait_signal','note','scheduled',1,1,NULL,NULL,1735689603292047,NULL,'/home/ann/yieldflow/tests/older/version_2.py:55','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cleaning',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689603323431,NULL,'/home/ann/yieldflow/tests/older/version_2.py:114','{"label":"cleaning/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forked',1,1,'activity','work','scheduled',1,1,NULL,NULL,1735689600257104,NULL,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forked',1,0,'activity','work','done',1,0,1,NULL,1735689600254558,1735689600257104,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/1"}','"FORKING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE meta (                      -- facts of the whole file: who owns it
    key text primary key,
    value text not null
) without rowid
;
INSERT INTO "meta" VALUES('owner','{"pid": 14991, "host": "desk", "since": "2026-11-25T21:08:22+00:00"}');
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
INSERT INTO "signals" VALUES('waiting',1,'note',1735689603292047,1,'"one"');
INSERT INTO "signals" VALUES('waiting',2,'others',1735689603296313,NULL,'"three"');
INSERT INTO "signals" VALUES('waiting',3,'others',1735689603296940,NULL,'"four"');
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
INSERT INTO "workflow_inputs" VALUES(1,'cleaning',1,'cancel',1735689603323431,1,NULL,NULL,'enough');
INSERT INTO "workflow_inputs" VALUES(3,'told',NULL,'signal',1735691400028606,NULL,'note',NULL,'"late"');
INSERT INTO "workflow_inputs" VALUES(4,'forked',NULL,'resume',1735691400035120,NULL,NULL,NULL,NULL);
INSERT INTO "workflow_inputs" VALUES(5,'cancelled late',NULL,'cancel',1735691400035972,NULL,NULL,NULL,'"no more"');
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
INSERT INTO "workflows" VALUES(1,'caught','caught','processing',1,1,1735689600082285,NULL,1735689600082581,NULL,NULL,NULL,X'DA2CE8B933F2D664D40DB109010C9CB0',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(2,'caught ours','caught_ours','processing',1,1,1735689600085436,NULL,1735689600085580,NULL,NULL,NULL,X'D2E86E7F470D2ADD9FFA0F9F301BCD6B',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(3,'asleep','asleep','processing',1,0,1735689600089452,NULL,1735689600091621,NULL,NULL,NULL,X'AC78AFBF9E9E170B8C8AE8B2669237CF',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(4,'gathering','gathering','processing',1,1,1735689600101233,NULL,1735689600101497,NULL,NULL,NULL,X'08083737C7D38CCEF8DD4B812121F486',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(5,'one by one','one_by_one','processing',1,1,1735689600106578,NULL,1735689600113362,NULL,NULL,NULL,X'5490A4752C209DC57DD811AB229C11A9',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(6,'dropping','dropping','processing',1,1,1735689600133463,NULL,1735689600136824,NULL,NULL,NULL,X'E6B82A5E021EF2E83B612F8554D7AA8C',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(7,'chance','chance','processing',1,1,1735689600137736,NULL,1735689600138805,NULL,NULL,NULL,X'C84F77CE45B76334264F6C2B89014D4F',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(8,'parcels','parcels','processing',1,1,1735689600140354,NULL,1735689600143300,NULL,NULL,NULL,X'D32AAA4FE7AF12E1AAA4C68CCEC0DA27',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(9,'altered','altered','stalled',1,0,1735689600144622,NULL,1735689600145182,NULL,NULL,NULL,X'B2419914B7C65A3521211B0455E8C67F','workflow ''altered'' (altered) no longer does what its history records, at step 0:
  recorded: activity work(label=''altered/1'') at /home/ann/yieldflow/tests/older/version_1.py:129
  yielded:  activity work(label=''altered/other'') at /home/ann/yieldflow/tests/older/version_1.py:129
Bring the recorded order of steps back and register the workflow again or restart: it goes on from there. Nothing of it is lost.','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(10,'delayed','brief','processing',1,0,1735689600148392,1735693200148392,NULL,NULL,NULL,NULL,X'C4D0A34A254C2D5CAB0126F90ABF061A',NULL,'{"label":"delayed"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(11,'done','brief','done',1,0,1735689600149672,NULL,1735689600149760,1735689600150521,NULL,NULL,X'3CA83C6FF76EE99D2FD3383E32FE284C',NULL,'{"label":"done"}',NULL,'"DONE"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(12,'packed','packs','done',1,0,1735689600150396,NULL,1735689600150521,1735689600151451,NULL,NULL,X'275A4DABF73A4CAAB7BDB0CB481B2526',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,X'8005954D000000000000008C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D70946807869475622E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(13,'dropped','drops','failed',1,0,1735689600151521,NULL,1735689600154090,1735689600156685,NULL,NULL,X'058D9CDC57FB23C0CE5DC06EE45DE37D',NULL,X'80059559000000000000007D948C0670617263656C948C1574657374732E6F6C6465722E76657273696F6E5F31948C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D7094680986947562732E',NULL,X'800595A0000000000000008C187969656C64666C6F772E636F6465632E6661696C75726573948C0772656275696C649493948C1574657374732E6F6C6465722E76657273696F6E5F31948C0642726F6B656E9493948C0A373A2069742066656C6C9485947D948C0670617263656C9468038C0650617263656C9493942981947D94288C066E756D626572944B078C08636F6E74656E7473948C046C616D709468108694756273879452942E','tests.older.version_1.Broken: 7: it fell','tests.older.version_1.Broken','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(14,'refused','refuses','failed',1,0,1735689600163011,NULL,1735689600163697,1735689600173970,NULL,NULL,X'7CB9D58C7834CFA31A13F22368C7D24C',NULL,'{}',NULL,'["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(15,'odd','fails_oddly','failed',1,0,1735689600170057,NULL,1735689600170322,1735689600181546,NULL,NULL,X'4F1552F7FD58F64ED648FD8BF23A4F3A',NULL,'{}',NULL,'["odd/1","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: odd/1\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(16,'racing','racing','processing',1,1,1735689600179096,NULL,1735689600181546,NULL,NULL,NULL,X'E3D6470F803F45B14C3904F236BC0D39',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(17,'waiting','waiting','processing',1,0,1735689600193831,NULL,1735689600194029,NULL,NULL,NULL,X'46BA1DEA691E9C1D8597C363824055EF',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(18,'told','told','processing',1,0,1735689600197966,NULL,1735689600198150,NULL,NULL,NULL,X'0ED38606727D4FEDD41C9D28D84A26FF',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(19,'parent','parent','processing',1,0,1735689600199248,NULL,1735689600200056,NULL,NULL,NULL,X'6975CF9F29340879006066369F3D24F1',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(20,'parent:1:0','leaf','done',1,0,1735689600200056,NULL,1735689600205524,1735689600213616,'parent',0,X'20862B3840993A8BFD24CBE0D5D44E44',NULL,'{"label":"parent/1"}',NULL,'"PARENT/1"',NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(21,'tasks','tasks','processing',1,1,1735689600205909,NULL,1735689600211041,NULL,NULL,NULL,X'63B3DA1C51B1F51419B2CC3EC9FEE4EB',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(22,'parent:1:1','lost','failed',1,0,1735689600217378,NULL,1735689600218728,1735689600223226,'parent',1,X'9116C531593E8FDA5FDDD0DF4D57E362',NULL,'{"label":"parent/2"}',NULL,'["parent/2","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: parent/2\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(23,'limited','limited','processing',1,1,1735689600213916,NULL,1735689600217378,NULL,NULL,NULL,X'CC370D34D6A2242C158F73BBF892C9C8',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(24,'cleaning','cleaning','processing',1,1,1735689600219033,NULL,1735689600221469,NULL,NULL,NULL,X'0DCD2B987285C7B72B0B1B5833703837',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(25,'parent:1:2','child','processing',1,1,1735689600230468,NULL,1735689600233579,NULL,'parent',2,X'5034BAB09EA4243F179E0681AE861182',NULL,'{"label":"parent/a"}',NULL,NULL,NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(26,'parent:1:3','child','processing',1,1,1735689600230468,NULL,1735689600233579,NULL,'parent',3,X'A424B58A966A991F8EF1261E7048992C',NULL,'{"label":"parent/b"}',NULL,NULL,NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(27,'counting','counting','processing',2,1,1735689600229450,NULL,1735689600240843,NULL,NULL,NULL,X'E86779DF59ACEE556E0DF424895CF787',NULL,'{"number":2}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'counting','{"number":1}',NULL);
INSERT INTO "workflows" VALUES(28,'patching','patching','processing',1,1,1735689600233810,NULL,1735689600238308,NULL,NULL,NULL,X'953F4DBA566988ACAF204E5EA6BBF08E',NULL,'{}','{"percent":50}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'["new way"]');
INSERT INTO "workflows" VALUES(29,'overdue','overdue','processing',1,0,1735689600240903,NULL,1735689600245508,NULL,NULL,NULL,X'EAB31E42E80EA481DF3660E8B54E3A3F',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1735693200240903,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(30,'pausing','pausing','suspended',1,0,1735689600249589,NULL,1735689600253411,NULL,NULL,NULL,X'2B308CB812D87DF1B182088B892DDF67',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(31,'forking','forking','done',1,0,1735689600254215,NULL,1735689600254558,1735689600260520,NULL,NULL,X'79768BE0BF19EB6E8EF6E65BDC42AE00',NULL,'{}',NULL,'["FORKING/1","FORKING/2"]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(32,'failing','failing','processing',1,1,1735689600256989,NULL,1735689600257104,NULL,NULL,NULL,X'F354E8378F6B1AF7361FBA8A024A09C8',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(33,'ended','told','cancelled',1,0,1735689600260486,NULL,1735689600265526,1735689603362790,NULL,NULL,X'E16FB61F3EF787619C7940074A207EC5','too late','{}',NULL,'["too late"]','yieldflow._core.errors.Cancelled: too late','yieldflow._core.errors.Cancelled','',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(34,'cancelled late','far','processing',1,0,1735689600268161,NULL,1735689600269588,NULL,NULL,NULL,X'C5F0A9377DC1A4FAC364A8D795716658',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(35,'far','far','processing',1,0,1735689600273256,NULL,1735689600273425,NULL,NULL,NULL,X'D5F22210C7C8C6794E74514273F5B447',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(36,'trying','trying','processing',1,0,1735689600274879,NULL,1735689600274987,NULL,NULL,NULL,X'FD7303E4399D48DD285346A307D5CC7B',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(37,'trying again','trying_again','processing',1,1,1735689600281734,NULL,1735689600282345,NULL,NULL,NULL,X'F38160095E37344BC9512FCED61BFEA9',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(38,'within','within','processing',1,0,1735689600283508,NULL,1735689600283631,NULL,NULL,NULL,X'F5E735E28244E8136025000AFE2DC6EE',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(39,'beating','beating','processing',1,1,1735689600284548,NULL,1735689600285031,NULL,NULL,NULL,X'EFD6CEA804521F2256D9E38CFC6C345D',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(40,'timing out','timing_out','processing',1,1,1735689600286702,NULL,1735689600287407,NULL,NULL,NULL,X'C81C334FFDFB6DC3DAEAE47FA32742B4',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(41,'giving up','giving_up','processing',1,1,1735689600289257,NULL,1735689600289462,NULL,NULL,NULL,X'1B9D32DAA372A88DAC28245D1934C757',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(42,'given up','given_up','failed',1,0,1735689600290384,NULL,1735689600290722,1735689600291825,NULL,NULL,X'6AB7765973ACF98B627E7E1D05FE3378',NULL,'{}',NULL,'["given up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: given up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 84, in given_up
    yield give_up("given up/1")
yieldflow._core.errors.ActivityError: given up/1
Traceback where it was raised:
Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 41, in give_up
    raise ActivityError(label, retryable=False)
yieldflow._core.errors.ActivityError: given up/1
in step 0, give_up(label=''given up/1'')
',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(43,'submitted late','brief','processing',1,0,1735691400005564,NULL,NULL,NULL,NULL,NULL,X'B3B754AFD765E4685C6E363284C0130E',NULL,'{"label":"late"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(44,'forked','forking','processing',1,0,1735691400035120,NULL,1735689600254558,NULL,NULL,NULL,X'79768BE0BF19EB6E8EF6E65BDC42AE000000000000000002E5D6E5FB0CF277D28ACE12E8BEBCBD67',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX workflows_not_done on workflows (started_at) where status <> 'done';
CREATE INDEX workflows_by_time on workflows (created_at);
CREATE INDEX workflows_by_parent on workflows (parent, parent_run) where parent is not null;
CREATE INDEX workflow_requests on workflow_inputs (number) where applied is null;
CREATE INDEX workflow_inputs_of on workflow_inputs (workflow_id);
CREATE INDEX signals_waiting on signals (workflow_id, number) where received is null;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('workflow_inputs',5);
COMMIT;
