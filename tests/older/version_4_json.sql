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
INSERT INTO "activity_executions" VALUES('caught',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600227737,1735689600259031,'/home/ann/yieldflow/tests/older/version_1.py:63','{"label":"caught/1"}','["caught/1"]','ValueError: caught/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: caught/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,0,'activity','fail_as_recorded','failed',1,0,1,NULL,1735689600259031,1735689600323246,'/home/ann/yieldflow/tests/older/version_1.py:72','{"label":"caught ours/1"}','["caught ours/1","shop.OddError","",true,null]','yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 57, in fail_as_recorded
    raise ActivityError(type_name="shop.OddError", message=label)
yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600259031,NULL,'/home/ann/yieldflow/tests/older/version_1.py:66','{"label":"caught/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600323246,NULL,'/home/ann/yieldflow/tests/older/version_1.py:75','{"label":"caught ours/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,0,'activity','work','done',1,0,1,NULL,1735689600323246,1735689600324775,'/home/ann/yieldflow/tests/older/version_1.py:80','{"label":"asleep/1"}','"ASLEEP/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,0,'activity','work','done',1,0,1,NULL,1735689600324775,1735689600334613,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/1"}','"GATHERING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600324775,NULL,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,2,'activity','work','done',1,0,2,NULL,1735689600324775,1735689600342251,'/home/ann/yieldflow/tests/older/version_1.py:88','{"label":"gathering/branch/1"}','"GATHERING/BRANCH/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,1,'sleep','sleep','scheduled',1,1,NULL,1735693200324775,1735689600324775,NULL,'/home/ann/yieldflow/tests/older/version_1.py:81','{"seconds":3600.0}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600342251,NULL,'/home/ann/yieldflow/tests/older/version_1.py:89','{"label":"gathering/branch/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,0,'activity','work','done',1,0,1,NULL,1735689600342251,1735689600350870,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/0"}','"ONE BY ONE/0"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,1,'activity','work','done',1,1,2,NULL,1735689600350870,1735689600363135,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/1"}','"ONE BY ONE/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600350870,1735689600363135,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/1"}','["dropping/1"]','ValueError: dropping/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: dropping/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600350870,1735689600363135,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/2"}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200350870,1735689600350870,1735689600363135,'/home/ann/yieldflow/tests/older/version_1.py:103','{"seconds":3600.0}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600363135,NULL,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,3,'activity','hang','scheduled',1,1,NULL,NULL,1735689600363135,NULL,'/home/ann/yieldflow/tests/older/version_1.py:105','{"label":"dropping/3"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,0,'activity','work','done',1,0,1,NULL,1735689600370386,1735689600387021,'/home/ann/yieldflow/tests/older/version_1.py:112','{"label":"7561ff31-35a3-4104-8999-a8b6af36c709 0.8176523889433783 2025-01-01 00:00:00.370386+00:00"}','"7561FF31-35A3-4104-8999-A8B6AF36C709 0.8176523889433783 2025-01-01 00:00:00.370386+00:00"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600387021,NULL,'/home/ann/yieldflow/tests/older/version_1.py:113','{"label":"chance/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,0,'activity','work','done',1,0,1,NULL,1735689600387021,1735689600389403,'/home/ann/yieldflow/tests/older/version_1.py:129','{"label":"altered/1"}','"ALTERED/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600389403,NULL,'/home/ann/yieldflow/tests/older/version_1.py:130','{"label":"altered/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('done',1,0,'activity','work','done',1,0,1,NULL,1735689600398372,1735689600406685,'/home/ann/yieldflow/tests/older/version_1.py:135','{"label":"done"}','"DONE"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('refused',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600414361,1735689600425142,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/1"}','["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: refused/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('refused',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600414361,1735689600425142,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/2"}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('odd',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600442590,1735689600455184,'/home/ann/yieldflow/tests/older/version_1.py:155','{"label":"odd/1"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,0,'activity','work','done',1,0,1,NULL,1735689600455184,1735689600467354,'/home/ann/yieldflow/tests/older/version_2.py:48','{"label":"racing/1"}','"RACING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600455184,1735689600467354,'/home/ann/yieldflow/tests/older/version_2.py:48','{"label":"racing/lost"}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200455184,1735689600455184,1735689600467354,'/home/ann/yieldflow/tests/older/version_2.py:48','{"seconds":3600.0}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,4,'activity','hang','scheduled',1,1,NULL,NULL,1735689600467354,NULL,'/home/ann/yieldflow/tests/older/version_2.py:49','{"label":"racing/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('waiting',1,0,'wait_signal','note','done',1,0,1,NULL,1735689600467354,1735689603782183,'/home/ann/yieldflow/tests/older/version_2.py:54','{}','"one"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,3,'wait_signal','never','scheduled',1,1,NULL,NULL,1735689600467354,NULL,'/home/ann/yieldflow/tests/older/version_2.py:49','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('told',1,0,'wait_signal','note','scheduled',1,0,NULL,NULL,1735689600470940,NULL,'/home/ann/yieldflow/tests/older/version_2.py:61','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,0,'child','leaf','done',1,0,1,NULL,1735689600474969,1735689600522338,'/home/ann/yieldflow/tests/older/version_2.py:82','{"label":"parent/1"}','"PARENT/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:0',1,0,'activity','work','done',1,0,1,NULL,1735689600488855,1735689600510556,'/home/ann/yieldflow/tests/older/version_2.py:72','{"label":"parent/1"}','"PARENT/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,0,'activity','work','done',1,0,1,NULL,1735689600498323,1735689600522338,'/home/ann/yieldflow/tests/older/version_2.py:98','{"label":"tasks/1"}','"TASKS/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600498323,NULL,'/home/ann/yieldflow/tests/older/version_2.py:99','{"label":"tasks/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,2,'activity','work','done',1,0,2,NULL,1735689600498323,1735689600522338,'/home/ann/yieldflow/tests/older/version_2.py:93','{"label":"tasks/branch/1"}','"TASKS/BRANCH/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600522338,NULL,'/home/ann/yieldflow/tests/older/version_2.py:94','{"label":"tasks/branch/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('limited',1,0,'activity','hang','scheduled',1,0,NULL,NULL,1735689600522338,NULL,'/home/ann/yieldflow/tests/older/version_2.py:106','{"label":"limited/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,1,'child','lost','failed',1,1,2,NULL,1735689600522338,1735689600535091,'/home/ann/yieldflow/tests/older/version_2.py:84','{"label":"parent/2"}','["parent/2","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: parent/2\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "activity_executions" VALUES('limited',1,1,'sleep','sleep','scheduled',1,0,NULL,4327689600522338,1735689600522338,NULL,'/home/ann/yieldflow/tests/older/version_2.py:106','{"seconds":2592000000.0}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:1',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600530849,1735689600533411,'/home/ann/yieldflow/tests/older/version_2.py:77','{"label":"parent/2"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cleaning',1,0,'sleep','sleep_until','cancelled',1,0,NULL,4102444800000000,1735689600531997,1735689603788632,'/home/ann/yieldflow/tests/older/version_2.py:112','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,2,'child','child','scheduled',1,2,NULL,NULL,1735689600535091,NULL,'/home/ann/yieldflow/tests/older/version_2.py:87','{"label":"parent/a"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,3,'child','child','scheduled',1,2,NULL,NULL,1735689600535091,NULL,'/home/ann/yieldflow/tests/older/version_2.py:87','{"label":"parent/b"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:2',1,0,'activity','work','done',1,0,1,NULL,1735689600536221,1735689600538910,'/home/ann/yieldflow/tests/older/version_2.py:66','{"label":"parent/a/1"}','"PARENT/A/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:3',1,0,'activity','work','done',1,0,1,NULL,1735689600536221,1735689600538910,'/home/ann/yieldflow/tests/older/version_2.py:66','{"label":"parent/b/1"}','"PARENT/B/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('patching',1,0,'activity','hang','scheduled',1,0,NULL,NULL,1735689600537097,NULL,'/home/ann/yieldflow/tests/older/version_2.py:132','{"label":"patching/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('counting',2,0,'activity','work','done',1,0,1,NULL,1735689600538910,1735689600542339,'/home/ann/yieldflow/tests/older/version_2.py:120','{"label":"counting/2"}','"COUNTING/2"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:2',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600538910,NULL,'/home/ann/yieldflow/tests/older/version_2.py:67','{"label":"parent/a/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:3',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600538910,NULL,'/home/ann/yieldflow/tests/older/version_2.py:67','{"label":"parent/b/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('overdue',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600541149,NULL,'/home/ann/yieldflow/tests/older/version_2.py:139','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('counting',2,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600542339,NULL,'/home/ann/yieldflow/tests/older/version_2.py:122','{"label":"counting/under way"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('pausing',1,0,'activity','work_once_called','done',1,0,NULL,NULL,1735689600543140,1735689603802393,'/home/ann/yieldflow/tests/older/version_2.py:146','{"label":"pausing/1"}','"PAUSING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forking',1,0,'activity','work','done',1,0,1,NULL,1735689600544533,1735689600562138,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/1"}','"FORKING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('failing',1,0,'activity','work','done',1,0,1,NULL,1735689600562138,1735689600586158,'/home/ann/yieldflow/tests/older/version_2.py:156','{"label":"failing/1"}','"FAILING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forking',1,1,'activity','work','done',1,1,2,NULL,1735689600562138,1735689600586158,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/2"}','"FORKING/2"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('failing',1,1,'activity','hang_at_second','scheduled',1,1,NULL,NULL,1735689600586158,NULL,'/home/ann/yieldflow/tests/older/version_2.py:156','{"label":"failing/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('ended',1,0,'wait_signal','note','cancelled',1,0,NULL,NULL,1735689600586158,1735689603794442,'/home/ann/yieldflow/tests/older/version_2.py:61','{}',NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cancelled late',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600599714,NULL,'/home/ann/yieldflow/tests/older/version_2.py:161','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('far',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600608104,NULL,'/home/ann/yieldflow/tests/older/version_2.py:161','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('trying',1,0,'activity','fail_at_first','scheduled',2,0,NULL,1735691453108995,1735689600622391,1735689600634167,'/home/ann/yieldflow/tests/older/version_3.py:46','{"label":"trying/1"}',NULL,'ConnectionError: trying/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 16, in fail_at_first
    raise ConnectionError(label)
ConnectionError: trying/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('trying again',1,0,'activity','hang_at_second_attempt','scheduled',2,0,NULL,1735689600664073,1735689600634167,1735689600654168,'/home/ann/yieldflow/tests/older/version_3.py:51','{"label":"trying again/1"}',NULL,'ConnectionError: trying again/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 24, in hang_at_second_attempt
    raise ConnectionError(label)
ConnectionError: trying again/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('within',1,0,'activity','fail_at_first','scheduled',2,0,NULL,1735692104052435,1735689600654168,1735689600666976,'/home/ann/yieldflow/tests/older/version_3.py:57','{"label":"within/1"}',NULL,'ConnectionError: within/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 16, in fail_at_first
    raise ConnectionError(label)
ConnectionError: within/1
',NULL,1735689600654168,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('beating',1,0,'activity','beat','scheduled',1,0,NULL,NULL,1735689600659319,NULL,'/home/ann/yieldflow/tests/older/version_3.py:62','{"label":"beating/1"}',NULL,NULL,NULL,NULL,NULL,NULL,'{"rows":50}',NULL,NULL);
INSERT INTO "activity_executions" VALUES('timing out',1,0,'activity','hang','failed',1,0,1,NULL,1735689600682377,1735689600708388,'/home/ann/yieldflow/tests/older/version_3.py:68','{"label":"timing out/1"}','["attempt 1 at activity ''hang'' took longer than its timeout of 0.01 s"]','yieldflow._core.errors.ActivityTimeoutError: attempt 1 at activity ''hang'' took longer than its timeout of 0.01 s','yieldflow._core.errors.ActivityTimeoutError','',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('giving up',1,0,'activity','give_up','failed',1,0,1,NULL,1735689600702554,1735689600715043,'/home/ann/yieldflow/tests/older/version_3.py:76','{"label":"giving up/1"}','["giving up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: giving up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 41, in give_up
    raise ActivityError(label, retryable=False)
yieldflow._core.errors.ActivityError: giving up/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('timing out',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600708388,NULL,'/home/ann/yieldflow/tests/older/version_3.py:70','{"label":"timing out/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('giving up',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600715043,NULL,'/home/ann/yieldflow/tests/older/version_3.py:78','{"label":"giving up/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('given up',1,0,'activity','give_up','failed',1,0,1,NULL,1735689600715043,1735689600735555,'/home/ann/yieldflow/tests/older/version_3.py:84','{"label":"given up/1"}','["given up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: given up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 41, in give_up
    raise ActivityError(label, retryable=False)
yieldflow._core.errors.ActivityError: given up/1
',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('napping',1,0,'activity','work','done',1,0,1,NULL,1735689600735555,1735689600746982,'/home/ann/yieldflow/tests/older/version_4.py:16','{"label":"napping/1"}','"NAPPING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('resting',1,0,'activity','work','done',1,0,1,NULL,1735689600746982,1735689600758185,'/home/ann/yieldflow/tests/older/version_4.py:24','{"label":"resting/1"}','"RESTING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('napping',1,1,'sleep','sleep_until','scheduled',1,1,NULL,1748736000000000,1735689600746982,NULL,'/home/ann/yieldflow/tests/older/version_4.py:17','{"until":"2025-06-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('napping, paused',1,0,'activity','work','done',1,0,1,NULL,1735689600758185,1735689600774158,'/home/ann/yieldflow/tests/older/version_4.py:16','{"label":"napping/1"}','"NAPPING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('resting',1,1,'wait_signal','note','scheduled',1,1,NULL,NULL,1735689600758185,NULL,'/home/ann/yieldflow/tests/older/version_4.py:25','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('told to rest',1,0,'activity','work','done',1,0,1,NULL,1735689600774158,1735689600786165,'/home/ann/yieldflow/tests/older/version_4.py:24','{"label":"resting/1"}','"RESTING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('napping, paused',1,1,'sleep','sleep_until','scheduled',1,1,NULL,1748736000000000,1735689600774158,NULL,'/home/ann/yieldflow/tests/older/version_4.py:17','{"until":"2025-06-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('told to rest',1,1,'wait_signal','note','scheduled',1,1,NULL,NULL,1735689600786165,NULL,'/home/ann/yieldflow/tests/older/version_4.py:25','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('waiting',1,1,'wait_signal','note','scheduled',1,1,NULL,NULL,1735689603782183,NULL,'/home/ann/yieldflow/tests/older/version_2.py:55','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cleaning',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689603788632,NULL,'/home/ann/yieldflow/tests/older/version_2.py:114','{"label":"cleaning/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forked',1,1,'activity','work','scheduled',1,1,NULL,NULL,1735689600562138,NULL,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forked',1,0,'activity','work','done',1,0,1,NULL,1735689600544533,1735689600562138,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/1"}','"FORKING/1"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE meta (                      -- facts of the whole file: who owns it
    key text primary key,
    value text not null
) without rowid
;
INSERT INTO "meta" VALUES('owner','{"pid": 28377, "host": "desk", "since": "2026-11-30T18:18:59+00:00"}');
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
INSERT INTO "signals" VALUES('waiting',1,'note',1735689603782183,1,'"one"');
INSERT INTO "signals" VALUES('waiting',2,'others',1735689603786674,NULL,'"three"');
INSERT INTO "signals" VALUES('waiting',3,'others',1735689603787781,NULL,'"four"');
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
INSERT INTO "workflow_inputs" VALUES(1,'cleaning',1,'cancel',1735689603788632,1,NULL,NULL,'enough');
INSERT INTO "workflow_inputs" VALUES(3,'told',NULL,'signal',1735691400085065,NULL,'note',NULL,'"late"');
INSERT INTO "workflow_inputs" VALUES(4,'forked',NULL,'resume',1735691400093739,NULL,NULL,NULL,NULL);
INSERT INTO "workflow_inputs" VALUES(5,'cancelled late',NULL,'cancel',1735691400096814,NULL,NULL,NULL,'"no more"');
INSERT INTO "workflow_inputs" VALUES(6,'told to rest',NULL,'signal',1735691400109014,NULL,'note',NULL,'"kept"');
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
INSERT INTO "workflows" VALUES(1,'caught','caught','processing',1,1,1735689600226452,NULL,1735689600227737,NULL,NULL,NULL,X'F5D12EE7F3783A917A5863B6BB1CEEF4',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(2,'caught ours','caught_ours','processing',1,1,1735689600257917,NULL,1735689600259031,NULL,NULL,NULL,X'FE05F85632FF5BEB3EA8A61DA1A15C00',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(3,'asleep','asleep','processing',1,0,1735689600323065,NULL,1735689600323246,NULL,NULL,NULL,X'967E0CC79E0A6AF7409F27C65D00DC38',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(4,'gathering','gathering','processing',1,1,1735689600324667,NULL,1735689600324775,NULL,NULL,NULL,X'24C82F25F815B433A23FCD9EAD075ED6',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(5,'one by one','one_by_one','processing',1,1,1735689600334967,NULL,1735689600342251,NULL,NULL,NULL,X'2A654BD3C7C50F593F959EC0419090AF',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(6,'dropping','dropping','processing',1,1,1735689600350700,NULL,1735689600350870,NULL,NULL,NULL,X'07CF3E46F4E9328049DAA9D0CF27790B',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(7,'chance','chance','processing',1,1,1735689600363836,NULL,1735689600370386,NULL,NULL,NULL,X'84E90524290532BD799369E9A6418C64',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(8,'altered','altered','stalled',1,0,1735689600386711,NULL,1735689600387021,NULL,NULL,NULL,X'DE1FAE82C83330F3ECA59571C1891F02','workflow ''altered'' (altered) no longer does what its history records, at step 0:
  recorded: activity work(label=''altered/1'') at /home/ann/yieldflow/tests/older/version_1.py:129
  yielded:  activity work(label=''altered/other'') at /home/ann/yieldflow/tests/older/version_1.py:129
Bring the recorded order of steps back and register the workflow again or restart: it goes on from there. Nothing of it is lost.','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(9,'delayed','brief','processing',1,0,1735689600388374,1735693200388374,NULL,NULL,NULL,NULL,X'B4C1A07DB61034FA285A269A21466B56',NULL,'{"label":"delayed"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1735693200388374);
INSERT INTO "workflows" VALUES(10,'done','brief','done',1,0,1735689600389549,NULL,1735689600398372,1735689600406685,NULL,NULL,X'9BCAEB20934EE9B8D6FA0C356CF61007',NULL,'{"label":"done"}',NULL,'"DONE"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(11,'refused','refuses','failed',1,0,1735689600406640,NULL,1735689600414361,1735689600425142,NULL,NULL,X'EE5B19F6661AAA4CD65CA54D7943022B',NULL,'{}',NULL,'["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(12,'odd','fails_oddly','failed',1,0,1735689600430197,NULL,1735689600442590,1735689600455184,NULL,NULL,X'32A931ECEEA65557515DB598A681586D',NULL,'{}',NULL,'["odd/1","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: odd/1\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(13,'racing','racing','processing',1,1,1735689600454514,NULL,1735689600455184,NULL,NULL,NULL,X'0130296982D043B7B8A40652DD25B52F',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(14,'waiting','waiting','processing',1,0,1735689600467081,NULL,1735689600467354,NULL,NULL,NULL,X'183438DE46245B160645273C7A2D7931',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(15,'told','told','processing',1,0,1735689600470751,NULL,1735689600470940,NULL,NULL,NULL,X'095AD3E6DCC156C7314FBE702D6D1946',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(16,'parent','parent','processing',1,0,1735689600474794,NULL,1735689600474969,NULL,NULL,NULL,X'37C9DB27DB5A6A974A44F94116D332A9',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(17,'parent:1:0','leaf','done',1,0,1735689600474969,NULL,1735689600488855,1735689600510556,'parent',0,X'8851A3C54E05AE3B37B2D5CE09697FFF',NULL,'{"label":"parent/1"}',NULL,'"PARENT/1"',NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(18,'tasks','tasks','processing',1,1,1735689600488927,NULL,1735689600498323,NULL,NULL,NULL,X'2E33D631F6E57BBEFD3B00475FFE15DB',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(19,'parent:1:1','lost','failed',1,0,1735689600522338,NULL,1735689600530849,1735689600533411,'parent',1,X'32EF5B7A68F20148B89D3E9BB4030363',NULL,'{"label":"parent/2"}',NULL,'["parent/2","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: parent/2\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(20,'limited','limited','processing',1,1,1735689600510912,NULL,1735689600522338,NULL,NULL,NULL,X'DD41006413D6D4DFC11E01BBC59A811B',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(21,'cleaning','cleaning','processing',1,1,1735689600531489,NULL,1735689600531997,NULL,NULL,NULL,X'4FBD27B1053B9742F326992869E29110',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(22,'parent:1:2','child','processing',1,1,1735689600535091,NULL,1735689600536221,NULL,'parent',2,X'091C10C1FB33C7F0B569A711E5984FFF',NULL,'{"label":"parent/a"}',NULL,NULL,NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(23,'parent:1:3','child','processing',1,1,1735689600535091,NULL,1735689600536221,NULL,'parent',3,X'D3A9DC272ACAAD7EE4A48738D3D80050',NULL,'{"label":"parent/b"}',NULL,NULL,NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(24,'counting','counting','processing',2,1,1735689600533627,NULL,1735689600538910,NULL,NULL,NULL,X'BC46585CC2D7E856BDC4747194E32BBA',NULL,'{"number":2}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'counting','{"number":1}',NULL,NULL);
INSERT INTO "workflows" VALUES(25,'patching','patching','processing',1,1,1735689600536384,NULL,1735689600537097,NULL,NULL,NULL,X'C8441FD66CCA3C672537CF3AFFE26278',NULL,'{}','{"percent":50}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'["new way"]',NULL);
INSERT INTO "workflows" VALUES(26,'overdue','overdue','processing',1,0,1735689600539058,NULL,1735689600541149,NULL,NULL,NULL,X'DDBDCAF6377E2DE9BA44D18AA1273B50',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1735693200539058,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(27,'pausing','pausing','suspended',1,0,1735689600542607,NULL,1735689600543140,NULL,NULL,NULL,X'499287E2AD9A76101B7F46C963BD9B7F',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(28,'forking','forking','done',1,0,1735689600544343,NULL,1735689600544533,1735689600586158,NULL,NULL,X'6CE7020ECD327599426EC03ADEFE4FC9',NULL,'{}',NULL,'["FORKING/1","FORKING/2"]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(29,'failing','failing','processing',1,1,1735689600558441,NULL,1735689600562138,NULL,NULL,NULL,X'F58FB416A0075D7C13EFCAE64B18C85F',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(30,'ended','told','cancelled',1,0,1735689600582363,NULL,1735689600586158,1735689603794442,NULL,NULL,X'F4142462104DAF0F2436D2542EE08B79','too late','{}',NULL,'["too late"]','yieldflow._core.errors.Cancelled: too late','yieldflow._core.errors.Cancelled','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,9223372036854775807);
INSERT INTO "workflows" VALUES(31,'cancelled late','far','processing',1,0,1735689600599017,NULL,1735689600599714,NULL,NULL,NULL,X'8E72B8B40226A60CFCE6A717E9D3885A',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(32,'far','far','processing',1,0,1735689600606211,NULL,1735689600608104,NULL,NULL,NULL,X'2E1FD6091ABAC6D3AA3D7606DF810CF1',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(33,'trying','trying','processing',1,0,1735689600618596,NULL,1735689600622391,NULL,NULL,NULL,X'BB5DB2AD868A984E65F28707A825BB82',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(34,'trying again','trying_again','processing',1,1,1735689600630867,NULL,1735689600634167,NULL,NULL,NULL,X'5E734CFA76038CB38B09042078FB965C',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(35,'within','within','processing',1,0,1735689600650342,NULL,1735689600654168,NULL,NULL,NULL,X'19E55913D5FD0B299EE8689F6DC6369B',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(36,'beating','beating','processing',1,1,1735689600659069,NULL,1735689600659319,NULL,NULL,NULL,X'8156FF0F6AB54713D63B2F027A33726C',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(37,'timing out','timing_out','processing',1,1,1735689600674481,NULL,1735689600682377,NULL,NULL,NULL,X'508CC81A2C9E4ADCAABA9D6A48D8CA74',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(38,'giving up','giving_up','processing',1,1,1735689600698359,NULL,1735689600702554,NULL,NULL,NULL,X'BB375BCD1C91CC47AD5B5050E9DE983F',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(39,'given up','given_up','failed',1,0,1735689600710714,NULL,1735689600715043,1735689600735555,NULL,NULL,X'84463DC87A79FBC2C066A3E56CB6D8A3',NULL,'{}',NULL,'["given up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: given up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(40,'napping','napping','processing',1,0,1735689600734781,NULL,1735689600735555,NULL,NULL,NULL,X'B707E123A6CD933B76FEB6F3245BC1AE',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(41,'resting','resting','processing',1,0,1735689600746643,NULL,1735689600746982,NULL,NULL,NULL,X'62BD78494622F0B52A2474AF9142C5B2',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(42,'napping, paused','napping','suspended',1,0,1735689600750171,NULL,1735689600758185,NULL,NULL,NULL,X'D2F8E6F606ED7D8A410D97DFA9C229C7',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(43,'told to rest','resting','processing',1,0,1735689600770238,NULL,1735689600774158,NULL,NULL,NULL,X'F4170DE4A998258F2503932E46D22039',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(44,'submitted late','brief','processing',1,0,1735691400034468,NULL,NULL,NULL,NULL,NULL,X'BAE8315C57284F532AD2B104084017D4',NULL,'{"label":"late"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(45,'forked','forking','processing',1,0,1735691400093739,NULL,1735689600544533,NULL,NULL,NULL,X'6CE7020ECD327599426EC03ADEFE4FC90000000000000002CCDB14AE429FF76CC1A5A9B1AFE0B9CD',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
