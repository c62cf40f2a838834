BEGIN TRANSACTION;
CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, request TEXT NOT NULL,
            who TEXT NOT NULL, client TEXT NOT NULL, proposer TEXT NOT NULL, model TEXT NOT NULL,
            tool TEXT NOT NULL, title TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, target TEXT NOT NULL,
            hash_before TEXT NOT NULL, hash_after TEXT NOT NULL, written INTEGER NOT NULL,
            answer TEXT NOT NULL, answer_s REAL, verdict TEXT NOT NULL, reason TEXT NOT NULL
        );
INSERT INTO "audit" VALUES(1,1764000003.5,'r1','me','vim','generator','m','write_file','Fix it','text','/shop/a.py','','aa','bb',1,'approve',2.5,'applied','');
CREATE TABLE checkpoint_files (
            checkpoint TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, uri TEXT NOT NULL,
            path TEXT NOT NULL, target TEXT NOT NULL, encoding TEXT NOT NULL, executable INTEGER NOT NULL,
            before BLOB NOT NULL, after BLOB NOT NULL, attributes TEXT NOT NULL DEFAULT '', PRIMARY KEY (checkpoint, number)
        );
INSERT INTO "checkpoint_files" VALUES('c1',0,'text','file:///shop/a.py','/shop/a.py','','utf-8',0,X'789CAB50B05530E4020005360131',X'789CAB50B05530E2020005380132','');
CREATE TABLE checkpoints (
            id TEXT PRIMARY KEY, request TEXT NOT NULL, created REAL NOT NULL, title TEXT NOT NULL,
            settled INTEGER NOT NULL, undoes TEXT NOT NULL, undone_by TEXT NOT NULL DEFAULT '', bytes INTEGER NOT NULL
        ) WITHOUT ROWID;
INSERT INTO "checkpoints" VALUES('c1','r1',1764000002.5,'Fix it',1,'','',30);
CREATE TABLE costs (
            day TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL, role TEXT NOT NULL,
            answers INTEGER NOT NULL, failures INTEGER NOT NULL, requests INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL, answer_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
            estimated INTEGER NOT NULL, cost REAL NOT NULL, unpriced INTEGER NOT NULL,
            PRIMARY KEY (day, endpoint, model, role)
        ) WITHOUT ROWID;
INSERT INTO "costs" VALUES('2099-11-24','https://models.example','m','chat',1,0,1,5000000000,20,0,0,0.125,0);
CREATE TABLE requests (
            id TEXT PRIMARY KEY, created REAL NOT NULL,
            host TEXT NOT NULL, pid INTEGER NOT NULL, begun REAL NOT NULL,
            client TEXT NOT NULL, tool TEXT NOT NULL, title TEXT NOT NULL, why TEXT NOT NULL,
            proposer TEXT NOT NULL, model TEXT NOT NULL, task TEXT NOT NULL,
            subjects TEXT NOT NULL, diff TEXT NOT NULL, warnings TEXT NOT NULL,
            status TEXT NOT NULL, verdict TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
            answer TEXT NOT NULL DEFAULT '', asked REAL, answer_s REAL, checkpoint TEXT NOT NULL DEFAULT ''
        ) WITHOUT ROWID;
INSERT INTO "requests" VALUES('r1',1764000000.25,'host',7,1763999999.5,'vim','write_file','Fix it','Because.','generator','m','t','["a.py"]','diff','[]','approved','applied','','approve',1764000001.5,2.5,'c1');
CREATE TABLE workflows (
            id TEXT PRIMARY KEY, at REAL NOT NULL, uri TEXT NOT NULL, task TEXT NOT NULL, model TEXT NOT NULL,
            rounds TEXT NOT NULL, best INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
            seconds REAL NOT NULL, proposal TEXT NOT NULL
        ) WITHOUT ROWID;
INSERT INTO "workflows" VALUES('w1',1764000004.5,'file:///shop/a.py','fix','m','[]',0,'applied','',12.25,'r1');
CREATE INDEX requests_by_time ON requests (created);
CREATE INDEX requests_by_asking ON requests (asked);
CREATE INDEX requests_by_status ON requests (status);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX checkpoints_by_time ON checkpoints (created);
CREATE INDEX workflows_by_time ON workflows (at);
COMMIT;
PRAGMA user_version = 4;
