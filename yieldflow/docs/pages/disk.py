"""Failures of the disk, and the consequence of each.

the disk is full, or may not be written
    whoever submits or signals gets a `StorageError` at once. Results that came are kept, and tried again after 0.05 s,
    then up to 5 s; all goes on by itself once it can. From then on `-wal` is kept a tenth as long, since on a small
    disk that is what takes the room. `health().storage` tells of it, and the log. An orchestrator that is started
    holds back 4 MB of the disk, or a quarter of what is free if that is less, in a file without a name. On a full disk
    its `purge` and `delete` use that, in small batches; what follows takes the place of what was deleted
the file does not become smaller
    what is deleted leaves free pages in it, which new workflows take. `vacuum()` gives them back to the disk, a
    hundred at a time, in transactions of some milliseconds; as long again others may write. A file that an earlier
    yieldflow made is copied whole the first time: that takes about a second for 100 MB and twice the file's room, half
    of it where SQLite keeps temporary files, and who writes meanwhile waits as for another program's lock. That files
    can do so makes SQLite's part of a step one percent dearer, and four with results of 20 kB
another program holds the lock
    the same, once a commit has waited 5 s for it
a sync fails
    as a full disk; of that commit all may be there after a crash, though its caller got a `StorageError`
the file, or `-wal`, `-shm` or the owner's `-lock` beside it, is deleted, moved or replaced
    noticed before any caller is told that something was written, and otherwise within a quarter of a second. The
    orchestrator stops by itself, every call raises a `DatabaseLostError` that names the file, and so does
    `health().failure`. A file that was moved has all that was acknowledged
the file is cut off or written over
    the same, within about a second or as soon as SQLite meets it; the file is left as it is. Another yieldflow database
    written over it in place may go unnoticed
`-wal` is cut off or written over from its beginning
    the same, before any caller is told that something was written. What is written into its midst may go unnoticed;
    what was acknowledged last, and was only there, is gone. Where SQLite itself cuts it, as a `journal_size_limit` or
    a VACUUM of another program has it do, nothing is lost and all goes on
`-shm` is cut off
    the process dies by SIGBUS, as any that uses SQLite does; nothing is lost
the power goes
    with `durability="full"` all is there that was acknowledged; with `"normal"` the latest commits may be gone, and
    the file is whole
the file is of an older version
    migrated in one transaction when it is opened, be it by a client; its workflows go on, and nothing that was done is
    done again
"""
