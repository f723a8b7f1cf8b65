-- Workers that decide requests at the same time take different numbers.
CREATE SEQUENCE request_number;
SELECT setval('request_number', (SELECT coalesce(max(n), 0) + 1 FROM request), false);
