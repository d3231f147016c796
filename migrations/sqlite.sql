-- Written by `make sqlite-schema`: what all migrations together make of a new file.

CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE sessions (
	"key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	namespace TEXT NOT NULL, 
	id TEXT NOT NULL, 
	parent_id TEXT, 
	create_fingerprint BLOB NOT NULL, 
	status TEXT NOT NULL, 
	status_reason TEXT NOT NULL, 
	user_id TEXT, 
	agent_id TEXT, 
	task_id TEXT, 
	title TEXT NOT NULL, 
	labels TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	retention BIGINT, 
	version BIGINT NOT NULL, 
	last_sequence BIGINT NOT NULL, 
	fork_sequence BIGINT, 
	create_time BIGINT NOT NULL, 
	update_time BIGINT NOT NULL, 
	last_activity_time BIGINT NOT NULL, 
	end_time BIGINT, 
	expiry_check_time BIGINT, 
	CONSTRAINT sessions_namespace_id_key UNIQUE (namespace, id)
);

CREATE INDEX sessions_namespace_create_time_key_idx ON sessions (namespace, create_time, "key");

CREATE INDEX sessions_namespace_status_create_time_key_idx ON sessions (namespace, status, create_time, "key");

CREATE INDEX sessions_user_id_idx ON sessions (namespace, user_id, create_time, "key") WHERE user_id IS NOT NULL;

CREATE INDEX sessions_agent_id_idx ON sessions (namespace, agent_id, create_time, "key") WHERE agent_id IS NOT NULL;

CREATE INDEX sessions_parent_id_idx ON sessions (namespace, parent_id, create_time, "key") WHERE parent_id IS NOT NULL;

CREATE INDEX sessions_task_id_idx ON sessions (namespace, task_id, create_time, "key") WHERE task_id IS NOT NULL;

CREATE INDEX sessions_default_expiry_idx ON sessions (expiry_check_time) WHERE retention IS NULL AND expiry_check_time IS NOT NULL;

CREATE INDEX sessions_own_expiry_idx ON sessions (expiry_check_time) WHERE retention IS NOT NULL AND expiry_check_time IS NOT NULL;

CREATE INDEX sessions_end_time_idx ON sessions (end_time) WHERE end_time IS NOT NULL;

CREATE TABLE session_label_index (row_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE, field TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value);

CREATE INDEX session_label_index_row_idx ON session_label_index (row_key, field);

CREATE INDEX session_label_index_value_idx ON session_label_index (field, name, type, value, row_key);

CREATE TRIGGER session_label_index_labels_insert AFTER INSERT ON sessions BEGIN INSERT INTO session_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER session_label_index_labels_update AFTER UPDATE OF labels ON sessions WHEN new.labels <> old.labels BEGIN DELETE FROM session_label_index WHERE row_key = old.key AND field = 'labels'; INSERT INTO session_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER session_label_index_metadata_insert AFTER INSERT ON sessions BEGIN INSERT INTO session_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER session_label_index_metadata_update AFTER UPDATE OF metadata ON sessions WHEN new.metadata <> old.metadata BEGIN DELETE FROM session_label_index WHERE row_key = old.key AND field = 'metadata'; INSERT INTO session_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TABLE events (
	session_key BIGINT NOT NULL, 
	sequence BIGINT NOT NULL, 
	namespace TEXT NOT NULL, 
	event_id TEXT NOT NULL, 
	type TEXT NOT NULL, 
	actor TEXT, 
	run_id TEXT, 
	task_id TEXT, 
	trace_id TEXT, 
	kind SMALLINT NOT NULL, 
	body TEXT, 
	data BLOB, 
	media_type TEXT, 
	labels TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	event_time BIGINT NOT NULL, 
	create_time BIGINT NOT NULL, 
	CONSTRAINT events_pkey PRIMARY KEY (session_key, sequence), 
	CONSTRAINT events_session_key_event_id_key UNIQUE (session_key, event_id), 
	FOREIGN KEY(session_key) REFERENCES sessions ("key") ON DELETE CASCADE
);

CREATE INDEX events_trace_id_idx ON events (namespace, trace_id, session_key, sequence) WHERE trace_id IS NOT NULL;

CREATE TABLE states (
	session_key BIGINT NOT NULL, 
	"key" TEXT NOT NULL, 
	namespace TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	CONSTRAINT states_pkey PRIMARY KEY (session_key, "key"), 
	FOREIGN KEY(session_key) REFERENCES sessions ("key") ON DELETE CASCADE
);

CREATE TABLE state_versions (
	session_key BIGINT NOT NULL, 
	"key" TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	namespace TEXT NOT NULL, 
	body TEXT, 
	data BLOB, 
	media_type TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	run_id TEXT, 
	session_sequence BIGINT NOT NULL, 
	size INTEGER NOT NULL, 
	create_time BIGINT NOT NULL, 
	CONSTRAINT state_versions_pkey PRIMARY KEY (session_key, "key", version), 
	FOREIGN KEY(session_key) REFERENCES sessions ("key") ON DELETE CASCADE
);

CREATE TABLE requests (
	"key" INTEGER NOT NULL, 
	namespace TEXT NOT NULL, 
	session_key BIGINT, 
	request_id TEXT NOT NULL, 
	fingerprint BLOB NOT NULL, 
	result TEXT NOT NULL, 
	create_time BIGINT NOT NULL, 
	CONSTRAINT requests_pkey PRIMARY KEY ("key"), 
	FOREIGN KEY(session_key) REFERENCES sessions ("key") ON DELETE CASCADE
);

CREATE INDEX requests_create_time_idx ON requests (create_time);

CREATE UNIQUE INDEX requests_session_key_idx ON requests (session_key, request_id) WHERE session_key IS NOT NULL;

CREATE UNIQUE INDEX requests_namespace_idx ON requests (namespace, request_id) WHERE session_key IS NULL;

CREATE TABLE runs (
	"key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	namespace TEXT NOT NULL, 
	id TEXT NOT NULL, 
	session_key BIGINT, 
	session_id TEXT, 
	parent_id TEXT, 
	task_id TEXT, 
	agent_id TEXT, 
	kind TEXT NOT NULL, 
	trace_id TEXT, 
	start_fingerprint BLOB NOT NULL, 
	status TEXT NOT NULL, 
	input_json TEXT, 
	input_data BLOB, 
	input_media_type TEXT, 
	output_json TEXT, 
	output_data BLOB, 
	output_media_type TEXT, 
	error TEXT NOT NULL, 
	input_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	cache_read_input_tokens BIGINT NOT NULL, 
	cache_creation_input_tokens BIGINT NOT NULL, 
	reasoning_output_tokens BIGINT NOT NULL, 
	labels TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	version BIGINT NOT NULL, 
	start_time BIGINT NOT NULL, 
	end_time BIGINT, 
	create_time BIGINT NOT NULL, 
	update_time BIGINT NOT NULL, 
	CONSTRAINT runs_namespace_id_key UNIQUE (namespace, id), 
	FOREIGN KEY(session_key) REFERENCES sessions ("key") ON DELETE CASCADE
);

CREATE INDEX runs_namespace_start_time_key_idx ON runs (namespace, start_time, "key");

CREATE INDEX runs_namespace_status_start_time_key_idx ON runs (namespace, status, start_time, "key");

CREATE INDEX runs_namespace_kind_start_time_key_idx ON runs (namespace, kind, start_time, "key");

CREATE INDEX runs_agent_id_idx ON runs (namespace, agent_id, start_time, "key") WHERE agent_id IS NOT NULL;

CREATE INDEX runs_task_id_idx ON runs (namespace, task_id, start_time, "key") WHERE task_id IS NOT NULL;

CREATE INDEX runs_parent_id_idx ON runs (namespace, parent_id, start_time, "key") WHERE parent_id IS NOT NULL;

CREATE INDEX runs_trace_id_idx ON runs (namespace, trace_id, start_time, "key") WHERE trace_id IS NOT NULL;

CREATE INDEX runs_session_key_idx ON runs (session_key, start_time, "key") WHERE session_key IS NOT NULL;

CREATE TABLE run_label_index (row_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE, field TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value);

CREATE INDEX run_label_index_row_idx ON run_label_index (row_key, field);

CREATE INDEX run_label_index_value_idx ON run_label_index (field, name, type, value, row_key);

CREATE TRIGGER run_label_index_labels_insert AFTER INSERT ON runs BEGIN INSERT INTO run_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER run_label_index_labels_update AFTER UPDATE OF labels ON runs WHEN new.labels <> old.labels BEGIN DELETE FROM run_label_index WHERE row_key = old.key AND field = 'labels'; INSERT INTO run_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER run_label_index_metadata_insert AFTER INSERT ON runs BEGIN INSERT INTO run_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER run_label_index_metadata_update AFTER UPDATE OF metadata ON runs WHEN new.metadata <> old.metadata BEGIN DELETE FROM run_label_index WHERE row_key = old.key AND field = 'metadata'; INSERT INTO run_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TABLE approvals (
	"key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	namespace TEXT NOT NULL, 
	id TEXT NOT NULL, 
	session_key BIGINT, 
	session_id TEXT, 
	task_id TEXT, 
	run_id TEXT, 
	requested_by TEXT, 
	approver TEXT, 
	trace_id TEXT, 
	request_fingerprint BLOB NOT NULL, 
	status TEXT NOT NULL, 
	title TEXT NOT NULL, 
	payload_json TEXT, 
	payload_data BLOB, 
	payload_media_type TEXT, 
	labels TEXT NOT NULL, 
	ttl BIGINT, 
	decided_by TEXT, 
	reason TEXT NOT NULL, 
	response_json TEXT, 
	response_data BLOB, 
	response_media_type TEXT, 
	size INTEGER NOT NULL, 
	create_time BIGINT NOT NULL, 
	expire_time BIGINT, 
	end_time BIGINT, 
	CONSTRAINT approvals_namespace_id_key UNIQUE (namespace, id), 
	FOREIGN KEY(session_key) REFERENCES sessions ("key") ON DELETE CASCADE
);

CREATE INDEX approvals_namespace_create_time_key_idx ON approvals (namespace, create_time, "key");

CREATE INDEX approvals_namespace_status_create_time_key_idx ON approvals (namespace, status, create_time, "key");

CREATE INDEX approvals_task_id_idx ON approvals (namespace, task_id, create_time, "key") WHERE task_id IS NOT NULL;

CREATE INDEX approvals_run_id_idx ON approvals (namespace, run_id, create_time, "key") WHERE run_id IS NOT NULL;

CREATE INDEX approvals_requested_by_idx ON approvals (namespace, requested_by, create_time, "key") WHERE requested_by IS NOT NULL;

CREATE INDEX approvals_approver_idx ON approvals (namespace, approver, create_time, "key") WHERE approver IS NOT NULL;

CREATE INDEX approvals_decided_by_idx ON approvals (namespace, decided_by, create_time, "key") WHERE decided_by IS NOT NULL;

CREATE INDEX approvals_trace_id_idx ON approvals (namespace, trace_id, create_time, "key") WHERE trace_id IS NOT NULL;

CREATE INDEX approvals_session_key_idx ON approvals (session_key, create_time, "key") WHERE session_key IS NOT NULL;

CREATE INDEX approvals_expire_time_idx ON approvals (expire_time) WHERE end_time IS NULL AND expire_time IS NOT NULL;

CREATE TABLE approval_label_index (row_key INTEGER NOT NULL REFERENCES approvals (key) ON DELETE CASCADE, field TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value);

CREATE INDEX approval_label_index_row_idx ON approval_label_index (row_key, field);

CREATE INDEX approval_label_index_value_idx ON approval_label_index (field, name, type, value, row_key);

CREATE TRIGGER approval_label_index_labels_insert AFTER INSERT ON approvals BEGIN INSERT INTO approval_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER approval_label_index_labels_update AFTER UPDATE OF labels ON approvals WHEN new.labels <> old.labels BEGIN DELETE FROM approval_label_index WHERE row_key = old.key AND field = 'labels'; INSERT INTO approval_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TABLE tasks (
	"key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	namespace TEXT NOT NULL, 
	id TEXT NOT NULL, 
	session_key BIGINT, 
	session_id TEXT, 
	create_fingerprint BLOB NOT NULL, 
	kind TEXT NOT NULL, 
	status TEXT NOT NULL, 
	phase TEXT, 
	from_role TEXT, 
	to_role TEXT, 
	payload_json TEXT, 
	payload_data BLOB, 
	payload_media_type TEXT, 
	result_json TEXT, 
	result_data BLOB, 
	result_media_type TEXT, 
	error TEXT NOT NULL, 
	idempotency_key TEXT, 
	held_key TEXT, 
	dedupe_key TEXT, 
	dedupe_digest BLOB, 
	priority INTEGER NOT NULL, 
	run_after_time BIGINT, 
	max_attempts INTEGER NOT NULL, 
	labels TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	trace_id TEXT, 
	version BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	worker_id TEXT, 
	lease_token TEXT, 
	lease_expire_time BIGINT, 
	claim_time BIGINT, 
	size INTEGER NOT NULL, 
	create_time BIGINT NOT NULL, 
	update_time BIGINT NOT NULL, 
	start_time BIGINT, 
	end_time BIGINT, 
	CONSTRAINT tasks_namespace_id_key UNIQUE (namespace, id), 
	FOREIGN KEY(session_key) REFERENCES sessions ("key") ON DELETE CASCADE
);

CREATE INDEX tasks_namespace_create_time_key_idx ON tasks (namespace, create_time, "key");

CREATE INDEX tasks_namespace_status_create_time_key_idx ON tasks (namespace, status, create_time, "key");

CREATE INDEX tasks_namespace_kind_create_time_key_idx ON tasks (namespace, kind, create_time, "key");

CREATE INDEX tasks_phase_idx ON tasks (namespace, phase, create_time, "key") WHERE phase IS NOT NULL;

CREATE INDEX tasks_from_role_idx ON tasks (namespace, from_role, create_time, "key") WHERE from_role IS NOT NULL;

CREATE INDEX tasks_to_role_idx ON tasks (namespace, to_role, create_time, "key") WHERE to_role IS NOT NULL;

CREATE INDEX tasks_worker_id_idx ON tasks (namespace, worker_id, create_time, "key") WHERE worker_id IS NOT NULL;

CREATE INDEX tasks_dedupe_digest_idx ON tasks (namespace, dedupe_digest, create_time, "key") WHERE dedupe_digest IS NOT NULL;

CREATE INDEX tasks_trace_id_idx ON tasks (namespace, trace_id, create_time, "key") WHERE trace_id IS NOT NULL;

CREATE INDEX tasks_session_key_idx ON tasks (session_key, create_time, "key") WHERE session_key IS NOT NULL;

CREATE INDEX tasks_held_time_idx ON tasks (create_time) WHERE held_key IS NOT NULL;

CREATE UNIQUE INDEX tasks_held_key_idx ON tasks (namespace, held_key) WHERE held_key IS NOT NULL;

CREATE UNIQUE INDEX tasks_open_idx ON tasks (namespace, kind, dedupe_digest) WHERE dedupe_digest IS NOT NULL AND end_time IS NULL;

CREATE INDEX tasks_claim_idx ON tasks (namespace, priority DESC, create_time, "key", claim_time) WHERE claim_time IS NOT NULL;

CREATE INDEX tasks_claim_kind_idx ON tasks (namespace, kind, priority DESC, create_time, "key", claim_time) WHERE claim_time IS NOT NULL;

CREATE INDEX tasks_lapse_idx ON tasks (claim_time) WHERE claim_time IS NOT NULL AND lease_token IS NOT NULL;

CREATE TABLE task_label_index (row_key INTEGER NOT NULL REFERENCES tasks (key) ON DELETE CASCADE, field TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value);

CREATE INDEX task_label_index_row_idx ON task_label_index (row_key, field);

CREATE INDEX task_label_index_value_idx ON task_label_index (field, name, type, value, row_key);

CREATE TRIGGER task_label_index_labels_insert AFTER INSERT ON tasks BEGIN INSERT INTO task_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER task_label_index_labels_update AFTER UPDATE OF labels ON tasks WHEN new.labels <> old.labels BEGIN DELETE FROM task_label_index WHERE row_key = old.key AND field = 'labels'; INSERT INTO task_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER task_label_index_metadata_insert AFTER INSERT ON tasks BEGIN INSERT INTO task_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER task_label_index_metadata_update AFTER UPDATE OF metadata ON tasks WHEN new.metadata <> old.metadata BEGIN DELETE FROM task_label_index WHERE row_key = old.key AND field = 'metadata'; INSERT INTO task_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TABLE plans (
	"key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	namespace TEXT NOT NULL, 
	id TEXT NOT NULL, 
	session_key BIGINT, 
	session_id TEXT, 
	create_fingerprint BLOB NOT NULL, 
	title TEXT NOT NULL, 
	status TEXT NOT NULL, 
	labels TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	pending_count INTEGER NOT NULL, 
	in_progress_count INTEGER NOT NULL, 
	completed_count INTEGER NOT NULL, 
	failed_count INTEGER NOT NULL, 
	skipped_count INTEGER NOT NULL, 
	ready_count INTEGER NOT NULL, 
	size INTEGER NOT NULL, 
	version BIGINT NOT NULL, 
	create_time BIGINT NOT NULL, 
	update_time BIGINT NOT NULL, 
	CONSTRAINT plans_namespace_id_key UNIQUE (namespace, id), 
	FOREIGN KEY(session_key) REFERENCES sessions ("key") ON DELETE CASCADE
);

CREATE INDEX plans_namespace_create_time_key_idx ON plans (namespace, create_time, "key");

CREATE INDEX plans_namespace_status_create_time_key_idx ON plans (namespace, status, create_time, "key");

CREATE INDEX plans_session_key_idx ON plans (session_key, create_time, "key") WHERE session_key IS NOT NULL;

CREATE TABLE plan_label_index (row_key INTEGER NOT NULL REFERENCES plans (key) ON DELETE CASCADE, field TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value);

CREATE INDEX plan_label_index_row_idx ON plan_label_index (row_key, field);

CREATE INDEX plan_label_index_value_idx ON plan_label_index (field, name, type, value, row_key);

CREATE TRIGGER plan_label_index_labels_insert AFTER INSERT ON plans BEGIN INSERT INTO plan_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER plan_label_index_labels_update AFTER UPDATE OF labels ON plans WHEN new.labels <> old.labels BEGIN DELETE FROM plan_label_index WHERE row_key = old.key AND field = 'labels'; INSERT INTO plan_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER plan_label_index_metadata_insert AFTER INSERT ON plans BEGIN INSERT INTO plan_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER plan_label_index_metadata_update AFTER UPDATE OF metadata ON plans WHEN new.metadata <> old.metadata BEGIN DELETE FROM plan_label_index WHERE row_key = old.key AND field = 'metadata'; INSERT INTO plan_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TABLE plan_items (
	plan_key BIGINT NOT NULL, 
	id TEXT NOT NULL, 
	namespace TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	description TEXT NOT NULL, 
	acceptance_criteria TEXT NOT NULL, 
	depends_on TEXT NOT NULL, 
	status TEXT NOT NULL, 
	result_json TEXT, 
	result_data BLOB, 
	result_media_type TEXT, 
	metadata TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	update_time BIGINT NOT NULL, 
	CONSTRAINT plan_items_pkey PRIMARY KEY (plan_key, id), 
	FOREIGN KEY(plan_key) REFERENCES plans ("key") ON DELETE CASCADE
);

CREATE TABLE memories (
	"key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	namespace TEXT NOT NULL, 
	id TEXT NOT NULL, 
	create_fingerprint BLOB NOT NULL, 
	context TEXT NOT NULL, 
	lesson TEXT NOT NULL, 
	tool_name TEXT, 
	agent_id TEXT, 
	user_id TEXT, 
	session_id TEXT, 
	confidence DOUBLE NOT NULL, 
	labels TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	version BIGINT NOT NULL, 
	use_count BIGINT NOT NULL, 
	last_use_time BIGINT, 
	create_time BIGINT NOT NULL, 
	update_time BIGINT NOT NULL, 
	CONSTRAINT memories_namespace_id_key UNIQUE (namespace, id)
);

CREATE INDEX memories_namespace_create_time_key_idx ON memories (namespace, create_time, "key");

CREATE INDEX memories_namespace_confidence_create_time_key_idx ON memories (namespace, confidence, create_time, "key");

CREATE INDEX memories_tool_name_idx ON memories (namespace, tool_name, create_time, "key") WHERE tool_name IS NOT NULL;

CREATE INDEX memories_agent_id_idx ON memories (namespace, agent_id, create_time, "key") WHERE agent_id IS NOT NULL;

CREATE INDEX memories_user_id_idx ON memories (namespace, user_id, create_time, "key") WHERE user_id IS NOT NULL;

CREATE INDEX memories_session_id_idx ON memories (namespace, session_id, create_time, "key") WHERE session_id IS NOT NULL;

CREATE TABLE memory_label_index (row_key INTEGER NOT NULL REFERENCES memories (key) ON DELETE CASCADE, field TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value);

CREATE INDEX memory_label_index_row_idx ON memory_label_index (row_key, field);

CREATE INDEX memory_label_index_value_idx ON memory_label_index (field, name, type, value, row_key);

CREATE TRIGGER memory_label_index_labels_insert AFTER INSERT ON memories BEGIN INSERT INTO memory_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER memory_label_index_labels_update AFTER UPDATE OF labels ON memories WHEN new.labels <> old.labels BEGIN DELETE FROM memory_label_index WHERE row_key = old.key AND field = 'labels'; INSERT INTO memory_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER memory_label_index_metadata_insert AFTER INSERT ON memories BEGIN INSERT INTO memory_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER memory_label_index_metadata_update AFTER UPDATE OF metadata ON memories WHEN new.metadata <> old.metadata BEGIN DELETE FROM memory_label_index WHERE row_key = old.key AND field = 'metadata'; INSERT INTO memory_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE VIRTUAL TABLE memory_full_text USING fts5(full_weight, half_weight, tokenize = 'ascii', detail = 'column', columnsize = 0);

CREATE TRIGGER memory_full_text_delete AFTER DELETE ON memories BEGIN DELETE FROM memory_full_text WHERE rowid = old.key; END;

CREATE TABLE documents (
	"key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	namespace TEXT NOT NULL, 
	collection TEXT NOT NULL, 
	id TEXT NOT NULL, 
	parent_key BIGINT, 
	parent_collection TEXT, 
	parent_id TEXT, 
	content_json TEXT, 
	content_data BLOB, 
	content_media_type TEXT, 
	labels TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	ttl BIGINT, 
	fingerprint BLOB NOT NULL, 
	version BIGINT NOT NULL, 
	size INTEGER NOT NULL, 
	create_time BIGINT NOT NULL, 
	update_time BIGINT NOT NULL, 
	expire_time BIGINT, 
	subtree_expire_time BIGINT, 
	expiry_check_time BIGINT, 
	CONSTRAINT documents_namespace_collection_id_key UNIQUE (namespace, collection, id), 
	FOREIGN KEY(parent_key) REFERENCES documents ("key")
);

CREATE INDEX documents_namespace_update_time_key_idx ON documents (namespace, update_time, "key");

CREATE INDEX documents_parent_key_idx ON documents (parent_key, collection, id) WHERE parent_key IS NOT NULL;

CREATE INDEX documents_expiry_check_time_idx ON documents (expiry_check_time) WHERE expiry_check_time IS NOT NULL;

CREATE TABLE document_label_index (row_key INTEGER NOT NULL REFERENCES documents (key) ON DELETE CASCADE, field TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value);

CREATE INDEX document_label_index_row_idx ON document_label_index (row_key, field);

CREATE INDEX document_label_index_value_idx ON document_label_index (field, name, type, value, row_key);

CREATE TRIGGER document_label_index_labels_insert AFTER INSERT ON documents BEGIN INSERT INTO document_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER document_label_index_labels_update AFTER UPDATE OF labels ON documents WHEN new.labels <> old.labels BEGIN DELETE FROM document_label_index WHERE row_key = old.key AND field = 'labels'; INSERT INTO document_label_index SELECT new.key, 'labels', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.labels) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER document_label_index_metadata_insert AFTER INSERT ON documents BEGIN INSERT INTO document_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TRIGGER document_label_index_metadata_update AFTER UPDATE OF metadata ON documents WHEN new.metadata <> old.metadata BEGIN DELETE FROM document_label_index WHERE row_key = old.key AND field = 'metadata'; INSERT INTO document_label_index SELECT new.key, 'metadata', key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom FROM json_each(new.metadata) WHERE type NOT IN ('object', 'array'); END;

CREATE TABLE document_members (
	row_key BIGINT NOT NULL, 
	members TEXT NOT NULL, 
	CONSTRAINT document_members_pkey PRIMARY KEY (row_key), 
	FOREIGN KEY(row_key) REFERENCES documents ("key") ON DELETE CASCADE
);

CREATE VIRTUAL TABLE document_full_text USING fts5(full_weight, half_weight, tokenize = 'ascii', detail = 'column', columnsize = 0);

CREATE TRIGGER document_full_text_delete AFTER DELETE ON documents BEGIN DELETE FROM document_full_text WHERE rowid = old.key; END;

CREATE TABLE leadership (
	name TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	expire_time BIGINT NOT NULL, 
	CONSTRAINT leadership_pkey PRIMARY KEY (name)
);

CREATE VIEW active_sessions AS SELECT namespace, id AS session_id, user_id, agent_id, task_id, title, labels, metadata, last_sequence, strftime('%Y-%m-%dT%H:%M:%S', create_time / 1000000, 'unixepoch') || printf('.%06dZ', create_time % 1000000) AS create_time, strftime('%Y-%m-%dT%H:%M:%S', last_activity_time / 1000000, 'unixepoch') || printf('.%06dZ', last_activity_time % 1000000) AS last_activity_time FROM sessions WHERE status = 'active';

CREATE VIEW pending_approvals AS SELECT namespace, id AS approval_id, session_id, task_id, run_id, title, requested_by, approver, labels, strftime('%Y-%m-%dT%H:%M:%S', create_time / 1000000, 'unixepoch') || printf('.%06dZ', create_time % 1000000) AS create_time, strftime('%Y-%m-%dT%H:%M:%S', expire_time / 1000000, 'unixepoch') || printf('.%06dZ', expire_time % 1000000) AS expire_time FROM approvals WHERE end_time IS NULL AND (expire_time IS NULL OR expire_time > strftime('%s', 'now') * 1000000);

CREATE VIEW open_tasks AS SELECT namespace, id AS task_id, session_id, kind, status, phase, priority, from_role, to_role, dedupe_key, attempts, max_attempts, worker_id, labels, metadata, strftime('%Y-%m-%dT%H:%M:%S', create_time / 1000000, 'unixepoch') || printf('.%06dZ', create_time % 1000000) AS create_time, strftime('%Y-%m-%dT%H:%M:%S', run_after_time / 1000000, 'unixepoch') || printf('.%06dZ', run_after_time % 1000000) AS run_after_time, strftime('%Y-%m-%dT%H:%M:%S', start_time / 1000000, 'unixepoch') || printf('.%06dZ', start_time % 1000000) AS start_time, strftime('%Y-%m-%dT%H:%M:%S', lease_expire_time / 1000000, 'unixepoch') || printf('.%06dZ', lease_expire_time % 1000000) AS lease_expire_time FROM tasks WHERE end_time IS NULL;

INSERT INTO alembic_version VALUES ('0001');

