-- Totals of version 2, as pay-agg made them of the file day in operate.bats.
PRAGMA application_id=1348565332; PRAGMA user_version=2; PRAGMA journal_mode=WAL;
BEGIN TRANSACTION;
CREATE TABLE cover (source TEXT NOT NULL, partition INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL,
  PRIMARY KEY (source, partition, lo), CHECK (lo < hi)) STRICT, WITHOUT ROWID;
INSERT INTO cover VALUES('day',0,1,6);
CREATE TABLE state (source TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (source, partition)) STRICT, WITHOUT ROWID;
CREATE TABLE file (source TEXT NOT NULL PRIMARY KEY, size INTEGER, sample TEXT, content TEXT) STRICT;
INSERT INTO file VALUES('day',645,'a33531b0a379c33296988e90ab140936','d95f9d88afeeae6eae541d5f5961e8ee');
CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO setting VALUES('by','merchantNumber,paymentActionType,paymentDateDaily,paymentMethodType');
INSERT INTO setting VALUES('date','paymentDate');
INSERT INTO setting VALUES('net','0');
CREATE TABLE key(_id INTEGER PRIMARY KEY, _group BLOB NOT NULL UNIQUE, "merchantNumber" ANY, "paymentActionType" ANY, "paymentDateDaily" ANY, "paymentMethodType" ANY) STRICT;
INSERT INTO "key" VALUES(1,X'046d2d3100045041594d454e540004323032352d30352d323000044341524400','m-1','PAYMENT','2025-05-20','CARD');
INSERT INTO "key" VALUES(2,X'046d2d3200045041594d454e540004323032352d30352d323100044341524400','m-2','PAYMENT','2025-05-21','CARD');
INSERT INTO "key" VALUES(3,X'046d2d3100045041594d454e540004323032352d30352d323200044341524400','m-1','PAYMENT','2025-05-22','CARD');
CREATE TABLE total(_id INTEGER PRIMARY KEY, count INTEGER NOT NULL, totalAmount INTEGER, _exact TEXT,
  CHECK ((totalAmount IS NULL) <> (_exact IS NULL))) STRICT;
INSERT INTO total VALUES(1,1,100,NULL);
INSERT INTO total VALUES(2,1,200,NULL);
INSERT INTO total VALUES(3,1,300,NULL);
CREATE TABLE known(source TEXT NOT NULL, partition INTEGER NOT NULL, chunk INTEGER NOT NULL,
  bits BLOB NOT NULL, PRIMARY KEY(source, partition, chunk)) STRICT;
INSERT INTO known VALUES('day',0,0,X'010002000400');
CREATE VIEW statistics AS SELECT "merchantNumber", "paymentActionType", "paymentDateDaily", "paymentMethodType", count, totalAmount, _exact FROM key JOIN total USING (_id);
COMMIT;
