-- Numbers that several workers give out at once.
CREATE SEQUENCE book_id;
SELECT setval('book_id', (SELECT coalesce(max(id), 0) + 1 FROM book), false);
CREATE SEQUENCE ask_number;
SELECT setval('ask_number', (SELECT coalesce(max(n), 0) + 1 FROM ask), false);
-- Rows that change with every frame stay in their page.
ALTER TABLE book SET (fillfactor = 50);
ALTER TABLE held SET (fillfactor = 80);
