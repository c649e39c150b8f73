-- What a request must show to get the session of a callback again: a hash of the attempt's secret, of the code that
-- was exchanged, and of the client. NULL for other sessions and for those of earlier versions, which are not given
-- out again.
ALTER TABLE sessions ADD COLUMN callback_proof TEXT;
