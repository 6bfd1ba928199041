"""The request desk: its rules, and nothing about chat or pages. Imports only ``db``; never commits.

Every function takes an open ``Connection`` of the caller's transaction. What changes a request also writes its history
and an audit row and queues its notice to the person, all in that transaction. Inside a chat turn, call them *after*
``db.queries.conversations.finish_turn`` in the same write: both advance the conversation's version, the turn checks it.
Refusals are ``DeskError(key, fields)``, raised before anything is written.

=============  ========================================================================================================
module         what it gives
=============  ========================================================================================================
``actions``    ``file`` and all that an officer or the person does to a request; ``timers`` what time does
``states``     the one table of transitions; ``allowed(status, who)`` lists what may be done now
``settings``   ``load_desk(connection, department_id=…) -> Desk``: calendar, targets, periods of a department
``notices``    ``NOTICES``: every notice with the names of its fields; worded on delivery
``errors``     every refusal, with what its text needs
``codes``      ``new_code(year)``, ``find_code(text) -> FoundCode | None`` (``code``, ``is_valid``)
``lookup``     ``public_status`` (a code alone, nothing personal), ``find_own`` (the conversation that filed it)
``search``     ``find(connection, text, department_id=…).ids``: code, phone, name, words, without diacritics
``calendar``   ``WorkCalendar``: ``add_hours``, ``add_days``, ``next_opening``, ``is_open``, ``working_time``
``explain``    ``explain(due)``: "4 giờ thứ Sáu + 4 giờ thứ Hai"
``targets``    how long an answer may take, and the clock with its pauses
``drafts``     the form being filled in: ``save``, ``load``, ``discard``; seven days
``files``      ``NewFile``, ``add``, ``remove``, ``blob_path(folder, content_hash)``
``links``      ``make``, ``find``, ``use``: private links to a conversation, one-time links to the web form
``consent``    ``record``, ``is_granted``, ``withdraw``, ``receipts``: one choice per purpose, append-only
``privacy``    ``open_task``, ``extend``, ``finish``, ``refuse``, ``collect``, ``erase``: the law's clocks
``handover``   ``take``, ``give_back``, ``find``: an officer holds a conversation, 24 hours at most without a word
``identity``   ``read_phone``, ``read_tax_code``, ``read_name``, ``read_organisation`` -> value or ``Problem``
``places``     ``find_places(text)``: provinces, communes, former districts by any name; ``place_of``, ``show_place``
``retention``  ``RUNNERS`` and ``run_due`` for due rows, ``sweep_blobs`` for the disk, ``PERIODS`` the notice names
``tables``     rows as CSV and XLSX files in which no cell is a formula: ``Sheet``, ``csv_text``, ``defuse``
=============  ========================================================================================================

An outbox row of ours is ``{"notice": key, "fields": {…}}`` in place of a reply; whoever delivers it words it (times in
fields are ISO 8601, UTC). Rows are read with ``db.queries.requests``, ``request_files``, ``privacy`` and ``desk``.
"""
