-- A store of version 3, as pay-store made it of the file day in operate.bats.
PRAGMA application_id=1348565331; PRAGMA user_version=3; PRAGMA journal_mode=WAL;
BEGIN TRANSACTION;
CREATE TABLE base (source TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, paymentType TEXT NOT NULL, amount INTEGER NOT NULL, payoutDate TEXT, confirmDate TEXT, merchantNumber TEXT NOT NULL, paymentDate TEXT NOT NULL, paymentActionType TEXT NOT NULL, paymentMethodType TEXT NOT NULL, rule TEXT, own TEXT, members TEXT, record TEXT) STRICT;
CREATE TABLE unsettlement (source TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, reason TEXT NOT NULL, paymentType TEXT NOT NULL, amount INTEGER NOT NULL, payoutDate TEXT, confirmDate TEXT, merchantNumber TEXT NOT NULL, paymentDate TEXT NOT NULL, paymentActionType TEXT NOT NULL, paymentMethodType TEXT NOT NULL, rule TEXT, own TEXT, members TEXT, record TEXT, PRIMARY KEY (source, partition, "offset")) STRICT, WITHOUT ROWID;
CREATE TABLE payment_log (source TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, channel TEXT, action TEXT, message TEXT NOT NULL, paymentType ANY AS (json_extract(message, '$.data.paymentType')), amount ANY AS (json_extract(message, '$.data.amount')), payoutDate ANY AS (json_extract(message, '$.data.payoutDate')), confirmDate ANY AS (json_extract(message, '$.data.confirmDate')), merchantNumber ANY AS (json_extract(message, '$.data.merchantNumber')), paymentDate ANY AS (json_extract(message, '$.data.paymentDate')), paymentActionType ANY AS (json_extract(message, '$.data.paymentActionType')), paymentMethodType ANY AS (json_extract(message, '$.data.paymentMethodType'))) STRICT;
INSERT INTO payment_log VALUES('day',0,1,'ONLINE','PAYMENT','{"_src":"day/0/1","channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":100,"merchantNumber":"m-1","paymentDate":"2025-05-20T10:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}}');
INSERT INTO payment_log VALUES('day',0,2,'ONLINE','PAYMENT','{"_src":"day/0/2","channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":200,"merchantNumber":"m-2","paymentDate":"2025-05-21T11:00:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}}');
INSERT INTO payment_log VALUES('day',0,4,'ONLINE','PAYMENT','{"_src":"day/0/4","channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":300,"merchantNumber":"m-1","paymentDate":"2025-05-22T12:30","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}}');
INSERT INTO payment_log VALUES('day',0,5,'ONLINE','FINISH','{"_src":"day/0/5","channel":"ONLINE","action":"FINISH"}');
CREATE TABLE dead_letter (source TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL, raw TEXT NOT NULL, encoding TEXT, length INTEGER, corrected INTEGER NOT NULL, record TEXT, PRIMARY KEY (source, partition, "offset")) STRICT, WITHOUT ROWID;
INSERT INTO dead_letter VALUES('day',0,3,'pay-consume','not a JSON object','not JSON',NULL,NULL,0,NULL);
CREATE TABLE extent (source TEXT NOT NULL, partition INTEGER NOT NULL, least INTEGER NOT NULL, most INTEGER NOT NULL, PRIMARY KEY (source, partition)) STRICT, WITHOUT ROWID;
INSERT INTO extent VALUES('day',0,1,5);
CREATE TABLE statistics (merchantNumber TEXT NOT NULL, paymentActionType TEXT NOT NULL, paymentDateDaily TEXT NOT NULL, paymentMethodType TEXT NOT NULL, count INTEGER NOT NULL, totalAmount INTEGER NOT NULL, PRIMARY KEY (merchantNumber, paymentActionType, paymentDateDaily, paymentMethodType)) STRICT, WITHOUT ROWID;
CREATE TABLE tally (name TEXT NOT NULL PRIMARY KEY, records INTEGER NOT NULL, amount TEXT NOT NULL) STRICT;
INSERT INTO tally VALUES('base',0,'0');
INSERT INTO tally VALUES('unsettlement',0,'0');
INSERT INTO tally VALUES('payment_log',4,'0');
INSERT INTO tally VALUES('dead_letter',1,'0');
INSERT INTO tally VALUES('statistics',0,'0');
CREATE TABLE cover (source TEXT NOT NULL, partition INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL,
  PRIMARY KEY (source, partition, lo), CHECK (lo < hi)) STRICT, WITHOUT ROWID;
INSERT INTO cover VALUES('day',0,1,6);
CREATE TABLE state (source TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (source, partition)) STRICT, WITHOUT ROWID;
CREATE TABLE file (source TEXT NOT NULL PRIMARY KEY, size INTEGER, sample TEXT, content TEXT) STRICT;
INSERT INTO file VALUES('day',645,'a33531b0a379c33296988e90ab140936','d95f9d88afeeae6eae541d5f5961e8ee');
CREATE UNIQUE INDEX base_key ON base (source, partition, "offset");
CREATE UNIQUE INDEX payment_log_key ON payment_log (source, partition, "offset");
COMMIT;
