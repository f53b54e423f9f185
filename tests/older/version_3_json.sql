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
INSERT INTO "activity_executions" VALUES('caught',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600083500,1735689600087490,'/home/ann/yieldflow/tests/older/version_1.py:63','{"label":"caught/1"}','["caught/1"]','ValueError: caught/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: caught/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,0,'activity','fail_as_recorded','failed',1,0,1,NULL,1735689600087490,1735689600106396,'/home/ann/yieldflow/tests/older/version_1.py:72','{"label":"caught ours/1"}','["caught ours/1","shop.OddError","",true,null]','yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 57, in fail_as_recorded
    raise ActivityError(type_name="shop.OddError", message=label)
yieldflow._core.errors.ActivityError: shop.OddError: caught ours/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600087490,NULL,'/home/ann/yieldflow/tests/older/version_1.py:66','{"label":"caught/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,0,'activity','work','done',1,0,1,NULL,1735689600103299,1735689600110416,'/home/ann/yieldflow/tests/older/version_1.py:80','{"label":"asleep/1"}','"ASLEEP/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('caught ours',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600106396,NULL,'/home/ann/yieldflow/tests/older/version_1.py:75','{"label":"caught ours/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('asleep',1,1,'sleep','sleep','scheduled',1,1,NULL,1735693200110416,1735689600110416,NULL,'/home/ann/yieldflow/tests/older/version_1.py:81','{"seconds":3600.0}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,0,'activity','work','done',1,0,1,NULL,1735689600125682,1735689600130371,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/1"}','"GATHERING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600125682,NULL,'/home/ann/yieldflow/tests/older/version_1.py:91','{"label":"gathering/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,2,'activity','work','done',1,0,2,NULL,1735689600125682,1735689600130371,'/home/ann/yieldflow/tests/older/version_1.py:88','{"label":"gathering/branch/1"}','"GATHERING/BRANCH/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('gathering',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600130371,NULL,'/home/ann/yieldflow/tests/older/version_1.py:89','{"label":"gathering/branch/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,0,'activity','work','done',1,0,1,NULL,1735689600146916,1735689600152255,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/0"}','"ONE BY ONE/0"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600150108,1735689600155488,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/1"}','["dropping/1"]','ValueError: dropping/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: dropping/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600150108,1735689600155488,'/home/ann/yieldflow/tests/older/version_1.py:103','{"label":"dropping/2"}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200150108,1735689600150108,1735689600155488,'/home/ann/yieldflow/tests/older/version_1.py:103','{"seconds":3600.0}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,1,'activity','work','done',1,1,2,NULL,1735689600152255,1735689600157336,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/1"}','"ONE BY ONE/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,0,'activity','work','done',1,0,1,NULL,1735689600155488,1735689600161358,'/home/ann/yieldflow/tests/older/version_1.py:112','{"label":"203fcdeb-4b67-4de5-8671-4bd6ba84a29f 0.46978286869650077 2025-01-01 00:00:00.155488+00:00"}','"203FCDEB-4B67-4DE5-8671-4BD6BA84A29F 0.46978286869650077 2025-01-01 00:00:00.155488+00:00"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('dropping',1,3,'activity','hang','scheduled',1,1,NULL,NULL,1735689600155488,NULL,'/home/ann/yieldflow/tests/older/version_1.py:105','{"label":"dropping/3"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('one by one',1,2,'activity','hang','scheduled',1,2,NULL,NULL,1735689600157336,NULL,'/home/ann/yieldflow/tests/older/version_1.py:97','{"label":"one by one/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('chance',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600161358,NULL,'/home/ann/yieldflow/tests/older/version_1.py:113','{"label":"chance/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,0,'activity','work','done',1,0,1,NULL,1735689600161358,1735689600179620,'/home/ann/yieldflow/tests/older/version_1.py:129','{"label":"altered/1"}','"ALTERED/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('altered',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600179620,NULL,'/home/ann/yieldflow/tests/older/version_1.py:130','{"label":"altered/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('done',1,0,'activity','work','done',1,0,1,NULL,1735689600181005,1735689600185508,'/home/ann/yieldflow/tests/older/version_1.py:135','{"label":"done"}','"DONE"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('refused',1,0,'activity','refuse','failed',1,0,1,NULL,1735689600189590,1735689600199757,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/1"}','["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/left.py", line 89, in refuse
    raise ValueError(label)
ValueError: refused/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('refused',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600189590,1735689600199757,'/home/ann/yieldflow/tests/older/version_1.py:150','{"label":"refused/2"}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('odd',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600198879,1735689600201478,'/home/ann/yieldflow/tests/older/version_1.py:155','{"label":"odd/1"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: odd/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,0,'activity','work','done',1,0,1,NULL,1735689600201478,1735689600202703,'/home/ann/yieldflow/tests/older/version_2.py:48','{"label":"racing/1"}','"RACING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,1,'activity','hang','cancelled',1,0,NULL,NULL,1735689600201478,1735689600202703,'/home/ann/yieldflow/tests/older/version_2.py:48','{"label":"racing/lost"}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,2,'sleep','sleep','cancelled',1,0,NULL,1735693200201478,1735689600201478,1735689600202703,'/home/ann/yieldflow/tests/older/version_2.py:48','{"seconds":3600.0}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,4,'activity','hang','scheduled',1,1,NULL,NULL,1735689600202703,NULL,'/home/ann/yieldflow/tests/older/version_2.py:49','{"label":"racing/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('racing',1,3,'wait_signal','never','scheduled',1,1,NULL,NULL,1735689600202703,NULL,'/home/ann/yieldflow/tests/older/version_2.py:49','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('waiting',1,0,'wait_signal','note','done',1,0,1,NULL,1735689600203288,1735689603241834,'/home/ann/yieldflow/tests/older/version_2.py:54','{}','"one"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('told',1,0,'wait_signal','note','scheduled',1,0,NULL,NULL,1735689600203847,NULL,'/home/ann/yieldflow/tests/older/version_2.py:61','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,0,'child','leaf','done',1,0,1,NULL,1735689600204345,1735689600208505,'/home/ann/yieldflow/tests/older/version_2.py:82','{"label":"parent/1"}','"PARENT/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:0',1,0,'activity','work','done',1,0,1,NULL,1735689600204883,1735689600207808,'/home/ann/yieldflow/tests/older/version_2.py:72','{"label":"parent/1"}','"PARENT/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,0,'activity','work','done',1,0,1,NULL,1735689600205402,1735689600208505,'/home/ann/yieldflow/tests/older/version_2.py:98','{"label":"tasks/1"}','"TASKS/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,1,'activity','hang','scheduled',1,0,NULL,NULL,1735689600205402,NULL,'/home/ann/yieldflow/tests/older/version_2.py:99','{"label":"tasks/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,2,'activity','work','done',1,0,2,NULL,1735689600205402,1735689600208505,'/home/ann/yieldflow/tests/older/version_2.py:93','{"label":"tasks/branch/1"}','"TASKS/BRANCH/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('tasks',1,3,'activity','hang','scheduled',1,2,NULL,NULL,1735689600208505,NULL,'/home/ann/yieldflow/tests/older/version_2.py:94','{"label":"tasks/branch/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('limited',1,0,'activity','hang','scheduled',1,0,NULL,NULL,1735689600208505,NULL,'/home/ann/yieldflow/tests/older/version_2.py:106','{"label":"limited/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,1,'child','lost','failed',1,1,2,NULL,1735689600208505,1735689600215234,'/home/ann/yieldflow/tests/older/version_2.py:84','{"label":"parent/2"}','["parent/2","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: parent/2\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "activity_executions" VALUES('limited',1,1,'sleep','sleep','scheduled',1,0,NULL,4327689600208505,1735689600208505,NULL,'/home/ann/yieldflow/tests/older/version_2.py:106','{"seconds":2592000000.0}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:1',1,0,'activity','fail_oddly','failed',1,0,1,NULL,1735689600211929,1735689600214032,'/home/ann/yieldflow/tests/older/version_2.py:77','{"label":"parent/2"}',NULL,'tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','tests.older.version_1.fail_oddly.<locals>.OddError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_1.py", line 50, in fail_oddly
    raise OddError(label)
tests.older.version_1.fail_oddly.<locals>.OddError: parent/2
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cleaning',1,0,'sleep','sleep_until','cancelled',1,0,NULL,4102444800000000,1735689600212729,1735689603262762,'/home/ann/yieldflow/tests/older/version_2.py:112','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,2,'child','child','scheduled',1,2,NULL,NULL,1735689600215234,NULL,'/home/ann/yieldflow/tests/older/version_2.py:87','{"label":"parent/a"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent',1,3,'child','child','scheduled',1,2,NULL,NULL,1735689600215234,NULL,'/home/ann/yieldflow/tests/older/version_2.py:87','{"label":"parent/b"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:2',1,0,'activity','work','done',1,0,1,NULL,1735689600216260,1735689600217859,'/home/ann/yieldflow/tests/older/version_2.py:66','{"label":"parent/a/1"}','"PARENT/A/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:3',1,0,'activity','work','done',1,0,1,NULL,1735689600216260,1735689600217859,'/home/ann/yieldflow/tests/older/version_2.py:66','{"label":"parent/b/1"}','"PARENT/B/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('patching',1,0,'activity','hang','scheduled',1,0,NULL,NULL,1735689600216946,NULL,'/home/ann/yieldflow/tests/older/version_2.py:132','{"label":"patching/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('counting',2,0,'activity','work','done',1,0,1,NULL,1735689600217859,1735689600219537,'/home/ann/yieldflow/tests/older/version_2.py:120','{"label":"counting/2"}','"COUNTING/2"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:2',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600217859,NULL,'/home/ann/yieldflow/tests/older/version_2.py:67','{"label":"parent/a/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('parent:1:3',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600217859,NULL,'/home/ann/yieldflow/tests/older/version_2.py:67','{"label":"parent/b/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('overdue',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600218930,NULL,'/home/ann/yieldflow/tests/older/version_2.py:139','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('counting',2,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600219537,NULL,'/home/ann/yieldflow/tests/older/version_2.py:122','{"label":"counting/under way"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('pausing',1,0,'activity','work_once_called','done',1,0,NULL,NULL,1735689600220335,1735689603309441,'/home/ann/yieldflow/tests/older/version_2.py:146','{"label":"pausing/1"}','"PAUSING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forking',1,0,'activity','work','done',1,0,1,NULL,1735689600221630,1735689600222743,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/1"}','"FORKING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forking',1,1,'activity','work','done',1,1,2,NULL,1735689600222743,1735689600224360,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/2"}','"FORKING/2"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('failing',1,0,'activity','work','done',1,0,1,NULL,1735689600223284,1735689600225426,'/home/ann/yieldflow/tests/older/version_2.py:156','{"label":"failing/1"}','"FAILING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('failing',1,1,'activity','hang_at_second','scheduled',1,1,NULL,NULL,1735689600225426,NULL,'/home/ann/yieldflow/tests/older/version_2.py:156','{"label":"failing/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('ended',1,0,'wait_signal','note','cancelled',1,0,NULL,NULL,1735689600225426,1735689603293721,'/home/ann/yieldflow/tests/older/version_2.py:61','{}',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cancelled late',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600226412,NULL,'/home/ann/yieldflow/tests/older/version_2.py:161','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('far',1,0,'sleep','sleep_until','scheduled',1,0,NULL,4102444800000000,1735689600229933,NULL,'/home/ann/yieldflow/tests/older/version_2.py:161','{"until":"2100-01-01T00:00:00+00:00"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('trying',1,0,'activity','fail_at_first','scheduled',2,0,NULL,1735692864394661,1735689600230694,1735689600234178,'/home/ann/yieldflow/tests/older/version_3.py:46','{"label":"trying/1"}',NULL,'ConnectionError: trying/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 16, in fail_at_first
    raise ConnectionError(label)
ConnectionError: trying/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('trying again',1,0,'activity','hang_at_second_attempt','scheduled',2,0,NULL,1735689600241452,1735689600232730,1735689600235135,'/home/ann/yieldflow/tests/older/version_3.py:51','{"label":"trying again/1"}',NULL,'ConnectionError: trying again/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 24, in hang_at_second_attempt
    raise ConnectionError(label)
ConnectionError: trying again/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('within',1,0,'activity','fail_at_first','scheduled',2,0,NULL,1735692956413674,1735689600235135,1735689600236226,'/home/ann/yieldflow/tests/older/version_3.py:57','{"label":"within/1"}',NULL,'ConnectionError: within/1','builtins.ConnectionError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 16, in fail_at_first
    raise ConnectionError(label)
ConnectionError: within/1
',NULL,1735689600235135,NULL);
INSERT INTO "activity_executions" VALUES('beating',1,0,'activity','beat','scheduled',1,0,NULL,NULL,1735689600236226,NULL,'/home/ann/yieldflow/tests/older/version_3.py:62','{"label":"beating/1"}',NULL,NULL,NULL,NULL,NULL,NULL,'{"rows":50}');
INSERT INTO "activity_executions" VALUES('timing out',1,0,'activity','hang','failed',1,0,1,NULL,1735689600238350,1735689600249062,'/home/ann/yieldflow/tests/older/version_3.py:68','{"label":"timing out/1"}','["attempt 1 at activity ''hang'' took longer than its timeout of 0.01 s"]','yieldflow._core.errors.ActivityTimeoutError: attempt 1 at activity ''hang'' took longer than its timeout of 0.01 s','yieldflow._core.errors.ActivityTimeoutError','',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('giving up',1,0,'activity','give_up','failed',1,0,1,NULL,1735689600239135,1735689600241129,'/home/ann/yieldflow/tests/older/version_3.py:76','{"label":"giving up/1"}','["giving up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: giving up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 41, in give_up
    raise ActivityError(label, retryable=False)
yieldflow._core.errors.ActivityError: giving up/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('given up',1,0,'activity','give_up','failed',1,0,1,NULL,1735689600239983,1735689600241942,'/home/ann/yieldflow/tests/older/version_3.py:84','{"label":"given up/1"}','["given up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: given up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
  File "/home/ann/yieldflow/tests/older/version_3.py", line 41, in give_up
    raise ActivityError(label, retryable=False)
yieldflow._core.errors.ActivityError: given up/1
',NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('giving up',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600241129,NULL,'/home/ann/yieldflow/tests/older/version_3.py:78','{"label":"giving up/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('timing out',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689600249062,NULL,'/home/ann/yieldflow/tests/older/version_3.py:70','{"label":"timing out/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('waiting',1,1,'wait_signal','note','scheduled',1,1,NULL,NULL,1735689603241834,NULL,'/home/ann/yieldflow/tests/older/version_2.py:55','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('cleaning',1,1,'activity','hang','scheduled',1,1,NULL,NULL,1735689603262762,NULL,'/home/ann/yieldflow/tests/older/version_2.py:114','{"label":"cleaning/1"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forked',1,1,'activity','work','scheduled',1,1,NULL,NULL,1735689600222743,NULL,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/2"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "activity_executions" VALUES('forked',1,0,'activity','work','done',1,0,1,NULL,1735689600221630,1735689600222743,'/home/ann/yieldflow/tests/older/version_2.py:151','{"label":"forking/1"}','"FORKING/1"',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE meta (                      -- facts of the whole file: who owns it
    key text primary key,
    value text not null
) without rowid
;
INSERT INTO "meta" VALUES('owner','{"pid": 15855, "host": "desk", "since": "2026-11-25T21:08:33+00:00"}');
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
INSERT INTO "signals" VALUES('waiting',1,'note',1735689603241834,1,'"one"');
INSERT INTO "signals" VALUES('waiting',2,'others',1735689603249659,NULL,'"three"');
INSERT INTO "signals" VALUES('waiting',3,'others',1735689603257760,NULL,'"four"');
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
INSERT INTO "workflow_inputs" VALUES(1,'cleaning',1,'cancel',1735689603262762,1,NULL,NULL,'enough');
INSERT INTO "workflow_inputs" VALUES(3,'told',NULL,'signal',1735691400051277,NULL,'note',NULL,'"late"');
INSERT INTO "workflow_inputs" VALUES(4,'forked',NULL,'resume',1735691400052256,NULL,NULL,NULL,NULL);
INSERT INTO "workflow_inputs" VALUES(5,'cancelled late',NULL,'cancel',1735691400055047,NULL,NULL,NULL,'"no more"');
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
INSERT INTO "workflows" VALUES(1,'caught','caught','processing',1,1,1735689600082609,NULL,1735689600083500,NULL,NULL,NULL,X'AFF37828CC53179C66CA64B64351F061',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(2,'caught ours','caught_ours','processing',1,1,1735689600086760,NULL,1735689600087490,NULL,NULL,NULL,X'1BAB4BF626934EAA32ADA21A2DA31E33',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(3,'asleep','asleep','processing',1,0,1735689600102880,NULL,1735689600103299,NULL,NULL,NULL,X'10B4B071908656D8BD21D12E3A36AD6F',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(4,'gathering','gathering','processing',1,1,1735689600125414,NULL,1735689600125682,NULL,NULL,NULL,X'77B531488E0651DD7B5C384F39ED8E06',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(5,'one by one','one_by_one','processing',1,1,1735689600129523,NULL,1735689600146916,NULL,NULL,NULL,X'3DCB7E58D68AEFF7BF8B6D5CB33BD62C',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(6,'dropping','dropping','processing',1,1,1735689600149943,NULL,1735689600150108,NULL,NULL,NULL,X'D35A7BA0DC1D0F689D2A93F04CA369EA',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(7,'chance','chance','processing',1,1,1735689600154226,NULL,1735689600155488,NULL,NULL,NULL,X'B2AB4B51EB35097E066E33B7204617E2',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(8,'altered','altered','stalled',1,0,1735689600157539,NULL,1735689600161358,NULL,NULL,NULL,X'6447AE4437B9A356C08DCB1E05E5A7AD','workflow ''altered'' (altered) no longer does what its history records, at step 0:
  recorded: activity work(label=''altered/1'') at /home/ann/yieldflow/tests/older/version_1.py:129
  yielded:  activity work(label=''altered/other'') at /home/ann/yieldflow/tests/older/version_1.py:129
Bring the recorded order of steps back and register the workflow again or restart: it goes on from there. Nothing of it is lost.','{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(9,'delayed','brief','processing',1,0,1735689600174053,1735693200174053,NULL,NULL,NULL,NULL,X'36F3CD44F2451FB76A7CF6774CA03C13',NULL,'{"label":"delayed"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(10,'done','brief','done',1,0,1735689600179794,NULL,1735689600181005,1735689600185508,NULL,NULL,X'319083D7786DD60706906DF3ACC9A01F',NULL,'{"label":"done"}',NULL,'"DONE"',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(11,'refused','refuses','failed',1,0,1735689600186006,NULL,1735689600189590,1735689600199757,NULL,NULL,X'9B0F2CA63D00CDB7185700BFD0CCCE98',NULL,'{}',NULL,'["refused/1"]','ValueError: refused/1','builtins.ValueError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(12,'odd','fails_oddly','failed',1,0,1735689600198621,NULL,1735689600198879,1735689600201478,NULL,NULL,X'F77FA7DEC97B6C301122B9B9C527D3CE',NULL,'{}',NULL,'["odd/1","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: odd/1\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(13,'racing','racing','processing',1,1,1735689600199983,NULL,1735689600201478,NULL,NULL,NULL,X'FE004BB5419C8AE1DB3B565451CAD147',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(14,'waiting','waiting','processing',1,0,1735689600202555,NULL,1735689600203288,NULL,NULL,NULL,X'B388ED469BBE23F1DC6B4C8E17F83284',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(15,'told','told','processing',1,0,1735689600203762,NULL,1735689600203847,NULL,NULL,NULL,X'8CAD235CCC1B2606D69FDC7F08FA205C',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(16,'parent','parent','processing',1,0,1735689600204274,NULL,1735689600204345,NULL,NULL,NULL,X'8A214EAF3258E346C00669C6EFA05A11',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(17,'parent:1:0','leaf','done',1,0,1735689600204345,NULL,1735689600204883,1735689600207808,'parent',0,X'7C2B442E05E05A4A4000A6A53B611E49',NULL,'{"label":"parent/1"}',NULL,'"PARENT/1"',NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(18,'tasks','tasks','processing',1,1,1735689600205130,NULL,1735689600205402,NULL,NULL,NULL,X'587C761AC8D276987EFC98F27CA341DE',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(19,'parent:1:1','lost','failed',1,0,1735689600208505,NULL,1735689600211929,1735689600214032,'parent',1,X'AFF45234F21B2BFECDAB24473AFC503A',NULL,'{"label":"parent/2"}',NULL,'["parent/2","tests.older.version_1.fail_oddly.<locals>.OddError","Traceback (most recent call last):\n  File \"/home/ann/yieldflow/tests/older/version_1.py\", line 50, in fail_oddly\n    raise OddError(label)\ntests.older.version_1.fail_oddly.<locals>.OddError: parent/2\n",true,null]','yieldflow._core.errors.ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(20,'limited','limited','processing',1,1,1735689600208154,NULL,1735689600208505,NULL,NULL,NULL,X'A5C9168A30F24F2EE1B6D0F212213C09',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(21,'cleaning','cleaning','processing',1,1,1735689600212253,NULL,1735689600212729,NULL,NULL,NULL,X'EE944158C717E2779A1B7A51BCBFC3B8',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(22,'parent:1:2','child','processing',1,1,1735689600215234,NULL,1735689600216260,NULL,'parent',2,X'B9C0C375623F315F554AD762ACF26591',NULL,'{"label":"parent/a"}',NULL,NULL,NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(23,'parent:1:3','child','processing',1,1,1735689600215234,NULL,1735689600216260,NULL,'parent',3,X'33BC7F56B7D5FD51087DE90D0B9B40D8',NULL,'{"label":"parent/b"}',NULL,NULL,NULL,NULL,NULL,1,'cancel',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(24,'counting','counting','processing',2,1,1735689600214187,NULL,1735689600217859,NULL,NULL,NULL,X'0D536761D4CF998F04C6B9C4BD43A6E6',NULL,'{"number":2}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'counting','{"number":1}',NULL);
INSERT INTO "workflows" VALUES(25,'patching','patching','processing',1,1,1735689600216414,NULL,1735689600216946,NULL,NULL,NULL,X'FB489446031A078C4E15883A8B5484FC',NULL,'{}','{"percent":50}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'["new way"]');
INSERT INTO "workflows" VALUES(26,'overdue','overdue','processing',1,0,1735689600217902,NULL,1735689600218930,NULL,NULL,NULL,X'EEAD1446D03BC906EFA3F9143AC3E424',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1735693200217902,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(27,'pausing','pausing','suspended',1,0,1735689600219688,NULL,1735689600220335,NULL,NULL,NULL,X'738ECD81E0A1DB225445736D3FC5B36E',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(28,'forking','forking','done',1,0,1735689600221503,NULL,1735689600221630,1735689600224360,NULL,NULL,X'CC2CFEEC0FE20D5917F612D42A59E4D0',NULL,'{}',NULL,'["FORKING/1","FORKING/2"]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(29,'failing','failing','processing',1,1,1735689600222721,NULL,1735689600223284,NULL,NULL,NULL,X'0C4AE79730E393B8C75ADB82F4475BB2',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(30,'ended','told','cancelled',1,0,1735689600224477,NULL,1735689600225426,1735689603293721,NULL,NULL,X'1C10F1EAAB825921C0501289EFFC280A','too late','{}',NULL,'["too late"]','yieldflow._core.errors.Cancelled: too late','yieldflow._core.errors.Cancelled','',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(31,'cancelled late','far','processing',1,0,1735689600226301,NULL,1735689600226412,NULL,NULL,NULL,X'D8F12F2440D5A28666669556F191A979',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(32,'far','far','processing',1,0,1735689600228247,NULL,1735689600229933,NULL,NULL,NULL,X'E4514B3A0D5AB84FBF13DBC9F44DA2A3',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(33,'trying','trying','processing',1,0,1735689600230564,NULL,1735689600230694,NULL,NULL,NULL,X'7C887516CBC6F177C499E06DA7081052',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(34,'trying again','trying_again','processing',1,1,1735689600232587,NULL,1735689600232730,NULL,NULL,NULL,X'D94F20D1FA90D32054B4FAC4DD1D87DC',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(35,'within','within','processing',1,0,1735689600234457,NULL,1735689600235135,NULL,NULL,NULL,X'019FF5F42B8A1182DF56F9E144631479',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(36,'beating','beating','processing',1,1,1735689600235948,NULL,1735689600236226,NULL,NULL,NULL,X'2566E477B0AE4F03CA3FC9854EA2B733',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(37,'timing out','timing_out','processing',1,1,1735689600237315,NULL,1735689600238350,NULL,NULL,NULL,X'9E675EFB975353DCEAF338723771C48C',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(38,'giving up','giving_up','processing',1,1,1735689600239035,NULL,1735689600239135,NULL,NULL,NULL,X'20BD3831327D8BD222B8B4B584076FCD',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(39,'given up','given_up','failed',1,0,1735689600239863,NULL,1735689600239983,1735689600241942,NULL,NULL,X'686A461B9621476E6FA7FA0EF802A96F',NULL,'{}',NULL,'["given up/1",null,"",false,null]','yieldflow._core.errors.ActivityError: given up/1','yieldflow._core.errors.ActivityError','Traceback (most recent call last):
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
INSERT INTO "workflows" VALUES(40,'submitted late','brief','processing',1,0,1735691400015933,NULL,NULL,NULL,NULL,NULL,X'142E674CB2F60E0F9890159D9B90BCFA',NULL,'{"label":"late"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "workflows" VALUES(41,'forked','forking','processing',1,0,1735691400052256,NULL,1735689600221630,NULL,NULL,NULL,X'CC2CFEEC0FE20D5917F612D42A59E4D00000000000000002B4FE64E03C61087ADEEF0DEA1A451F81',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX workflows_not_done on workflows (started_at) where status <> 'done';
CREATE INDEX workflows_by_time on workflows (created_at);
CREATE INDEX workflows_by_parent on workflows (parent, parent_run) where parent is not null;
CREATE INDEX workflow_requests on workflow_inputs (number) where applied is null;
CREATE INDEX workflow_inputs_of on workflow_inputs (workflow_id);
CREATE INDEX signals_waiting on signals (workflow_id, number) where received is null;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('workflow_inputs',5);
COMMIT;
