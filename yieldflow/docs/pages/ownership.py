"""One owner for each file, and any number of clients.

One orchestrator at a time is *started* on a file, and owns it: it drives the workflows. The lock is the operating
system's: it dies with the process, no child inherits it, and it holds whatever the file's path is called. A file with
hard links is refused, to clients too. A second `start()` raises `DatabaseInUseError`, which names the owner's process.

Any orchestrator that is not started is a client, in any process: it submits, signals, cancels, reads and waits. What it
writes is on disk when the call returns, and the owner notices within 50 ms. Where there is no owner, it is done once
there is one. So a call after `stop()` is a client's call. However many wait in one client, one look at the file, 50
times a second, serves them all.

The file is made by `start()` or a submission. A client that only looks raises `DatabaseOpenError` where there is none.
`health().owner` says, in any process, whether the file has an owner, which process it is, and since when.

`start(wait=True)` stands by: it takes over within a second once the owner has stopped or died.

The file belongs on a local disk: SQLite's locks do not hold on network file systems.

- Never open the database or the files beside it otherwise than by SQLite in a process that has it open (for a backup
  or a checksum of the folder, say): closing any such file drops SQLite's locks for the whole process.
- The `-lock` file is made with the user and the mode of the database. Whoever is to start an orchestrator must be able
  to write it. A symlink in its place is refused.
- Never remove the `-lock` file while an orchestrator is started on the database: a second one could start then. The
  first stops when it sees that, within a quarter of a second; activities that it began till then may run twice.
"""
