"""Create the tables.

While this runs, the release before it is still serving: add, never rename or drop what that one reads.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')


def upgrade() -> None:
    op.create_table('departments',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('slug', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('short_name', sa.String(), nullable=False),
    sa.Column('province', sa.String(length=32), nullable=False),
    sa.Column('address', sa.String(), nullable=True),
    sa.Column('phones', JSON, nullable=False),
    sa.Column('hours', sa.String(), nullable=True),
    sa.Column('website', sa.String(), nullable=True),
    sa.Column('privacy_contact', sa.String(), nullable=True),
    sa.Column('source_hash', sa.String(length=64), nullable=True),
    sa.Column('edited_in_console', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_departments')),
    sa.UniqueConstraint('slug', name=op.f('uq_departments_slug'))
    )
    op.create_table('leases',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('owner', sa.String(length=64), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_leases'))
    )
    op.create_table('sign_in_throttles',
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('blocked_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_sign_in_throttles'))
    )
    with op.batch_alter_table('sign_in_throttles', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sign_in_throttles_updated_at'), ['updated_at'], unique=False)

    op.create_table('alerts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('key', sa.String(length=128), nullable=False),
    sa.Column('details', JSON, nullable=False),
    sa.Column('raised_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('cleared_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_alerts_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alerts')),
    sa.UniqueConstraint('department_id', 'kind', 'key', name=op.f('uq_alerts_department_id_kind_key'))
    )
    with op.batch_alter_table('alerts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_alerts_department_id'), ['department_id'], unique=False)

    op.create_table('calendar_days',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('name', sa.String(length=160), nullable=False),
    sa.Column('instead_of', sa.Date(), nullable=True),
    sa.Column('document', sa.String(length=160), nullable=False),
    sa.Column('address', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_calendar_days_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calendar_days')),
    sa.UniqueConstraint('department_id', 'day', name=op.f('uq_calendar_days_department_id_day'))
    )
    with op.batch_alter_table('calendar_days', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_calendar_days_department_id'), ['department_id'], unique=False)

    op.create_table('channel_states',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('account', sa.String(length=64), nullable=False),
    sa.Column('cursor', sa.String(), nullable=True),
    sa.Column('last_received_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_error', sa.String(), nullable=True),
    sa.Column('last_error_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_channel_states_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_channel_states')),
    sa.UniqueConstraint('channel', 'account', name=op.f('uq_channel_states_channel_account'))
    )
    with op.batch_alter_table('channel_states', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_channel_states_department_id'), ['department_id'], unique=False)

    op.create_table('conversations',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('account', sa.String(length=64), nullable=False),
    sa.Column('external_id', sa.String(length=128), nullable=False),
    sa.Column('state', JSON, nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('next_seq', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_inbound_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('unreachable_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_interaction_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('paused_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('pause_told_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_conversations_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_conversations')),
    sa.UniqueConstraint('channel', 'account', 'external_id', name=op.f('uq_conversations_channel_account_external_id'))
    )
    with op.batch_alter_table('conversations', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_conversations_department_id'), ['department_id'], unique=False)

    op.create_table('desk_settings',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('hours', JSON, nullable=True),
    sa.Column('targets', JSON, nullable=True),
    sa.Column('retention', JSON, nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_desk_settings_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_desk_settings')),
    sa.UniqueConstraint('department_id', name=op.f('uq_desk_settings_department_id'))
    )
    with op.batch_alter_table('desk_settings', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_desk_settings_department_id'), ['department_id'], unique=False)

    op.create_table('jobs',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('key', sa.String(length=128), nullable=False),
    sa.Column('payload', JSON, nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_jobs_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_jobs')),
    sa.UniqueConstraint('kind', 'key', name=op.f('uq_jobs_kind_key'))
    )
    with op.batch_alter_table('jobs', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_jobs_department_id'), ['department_id'], unique=False)
        batch_op.create_index('ix_jobs_due', ['due_at'], unique=False, sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))

    op.create_table('knowledge_records',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('record_id', sa.String(length=200), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('data', JSON, nullable=False),
    sa.Column('file_hash', sa.String(length=64), nullable=True),
    sa.Column('edited_in_console', sa.Boolean(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_knowledge_records_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_knowledge_records')),
    sa.UniqueConstraint('department_id', 'kind', 'record_id', name=op.f('uq_knowledge_records_department_id_kind_record_id'))
    )
    with op.batch_alter_table('knowledge_records', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_knowledge_records_department_id'), ['department_id'], unique=False)

    op.create_table('knowledge_states',
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_knowledge_states_department_id_departments')),
    sa.PrimaryKeyConstraint('department_id', name=op.f('pk_knowledge_states'))
    )
    op.create_table('staff_members',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('login', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('role', sa.String(length=16), nullable=False),
    sa.Column('password_hash', sa.String(), nullable=True),
    sa.Column('link_hash', sa.String(), nullable=True),
    sa.Column('link_expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_signed_in_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_staff_members_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff_members')),
    sa.UniqueConstraint('login', name=op.f('uq_staff_members_login'))
    )
    with op.batch_alter_table('staff_members', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_staff_members_department_id'), ['department_id'], unique=False)

    op.create_table('units',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=160), nullable=False),
    sa.Column('is_default', sa.Boolean(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_units_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_units')),
    sa.UniqueConstraint('department_id', 'name', name=op.f('uq_units_department_id_name'))
    )
    with op.batch_alter_table('units', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_units_department_id'), ['department_id'], unique=False)

    op.create_table('zalo_people',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account', sa.String(length=64), nullable=False),
    sa.Column('user_id', sa.String(length=80), nullable=False),
    sa.Column('display_name', sa.String(), nullable=True),
    sa.Column('name_due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('follows', sa.Boolean(), nullable=True),
    sa.Column('follows_changed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('info_requested_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_zalo_people_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_zalo_people')),
    sa.UniqueConstraint('account', 'user_id', name=op.f('uq_zalo_people_account_user_id'))
    )
    with op.batch_alter_table('zalo_people', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_zalo_people_department_id'), ['department_id'], unique=False)
        batch_op.create_index('ix_zalo_people_name_due', ['name_due_at'], unique=False, sqlite_where=sa.text('name_due_at IS NOT NULL'), postgresql_where=sa.text('name_due_at IS NOT NULL'))

    op.create_table('zalo_tokens',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('app_id', sa.String(length=64), nullable=False),
    sa.Column('oa_id', sa.String(length=64), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('access_token', sa.String(), nullable=True),
    sa.Column('refresh_token', sa.String(), nullable=True),
    sa.Column('previous_access_token', sa.String(), nullable=True),
    sa.Column('previous_refresh_token', sa.String(), nullable=True),
    sa.Column('obtained_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('access_expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('refresh_started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('refused_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('refused_code', sa.String(length=64), nullable=True),
    sa.Column('configured_hash', sa.String(length=64), nullable=True),
    sa.Column('consent_key_hash', sa.String(length=64), nullable=True),
    sa.Column('consent_state_hash', sa.String(length=64), nullable=True),
    sa.Column('consent_verifier', sa.String(), nullable=True),
    sa.Column('consent_expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_zalo_tokens_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_zalo_tokens')),
    sa.UniqueConstraint('app_id', 'oa_id', name=op.f('uq_zalo_tokens_app_id_oa_id'))
    )
    with op.batch_alter_table('zalo_tokens', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_zalo_tokens_department_id'), ['department_id'], unique=False)

    op.create_table('audit_events',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('staff_member_id', sa.Integer(), nullable=True),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('details', JSON, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_audit_events_department_id_departments')),
    sa.ForeignKeyConstraint(['staff_member_id'], ['staff_members.id'], name=op.f('fk_audit_events_staff_member_id_staff_members')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_events'))
    )
    with op.batch_alter_table('audit_events', schema=None) as batch_op:
        batch_op.create_index('ix_audit_events_action', ['department_id', 'action', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_events_created_at'), ['created_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_events_department_id'), ['department_id'], unique=False)
        batch_op.create_index('ix_audit_events_member', ['department_id', 'staff_member_id', 'id'], unique=False)

    op.create_table('channel_switches',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('notice', sa.String(), nullable=True),
    sa.Column('paused_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_by', sa.Integer(), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['changed_by'], ['staff_members.id'], name=op.f('fk_channel_switches_changed_by_staff_members')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_channel_switches_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_channel_switches')),
    sa.UniqueConstraint('department_id', 'channel', name=op.f('uq_channel_switches_department_id_channel'))
    )
    with op.batch_alter_table('channel_switches', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_channel_switches_department_id'), ['department_id'], unique=False)

    op.create_table('data_tasks',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=True),
    sa.Column('right', sa.String(length=24), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('with_processor', sa.Boolean(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('acknowledge_due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('extended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('staff_member_id', sa.Integer(), nullable=True),
    sa.Column('details', JSON, nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversations.id'], name=op.f('fk_data_tasks_conversation_id_conversations')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_data_tasks_department_id_departments')),
    sa.ForeignKeyConstraint(['staff_member_id'], ['staff_members.id'], name=op.f('fk_data_tasks_staff_member_id_staff_members')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_data_tasks'))
    )
    with op.batch_alter_table('data_tasks', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_data_tasks_department_id'), ['department_id'], unique=False)
        batch_op.create_index('ix_data_tasks_status_due', ['department_id', 'status', 'due_at'], unique=False)
        batch_op.create_index('uq_data_tasks_open', ['conversation_id', 'right'], unique=True, sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))

    op.create_table('knowledge_versions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('knowledge_record_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('data', JSON, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_knowledge_versions_department_id_departments')),
    sa.ForeignKeyConstraint(['knowledge_record_id'], ['knowledge_records.id'], name=op.f('fk_knowledge_versions_knowledge_record_id_knowledge_records')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_knowledge_versions')),
    sa.UniqueConstraint('knowledge_record_id', 'version', name=op.f('uq_knowledge_versions_knowledge_record_id_version'))
    )
    with op.batch_alter_table('knowledge_versions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_knowledge_versions_department_id'), ['department_id'], unique=False)

    op.create_table('request_drafts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('data', JSON, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversations.id'], name=op.f('fk_request_drafts_conversation_id_conversations')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_request_drafts_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_request_drafts')),
    sa.UniqueConstraint('conversation_id', name=op.f('uq_request_drafts_conversation_id')),
    sa.UniqueConstraint('key', name=op.f('uq_request_drafts_key'))
    )
    with op.batch_alter_table('request_drafts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_request_drafts_department_id'), ['department_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_request_drafts_expires_at'), ['expires_at'], unique=False)

    op.create_table('requests',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=16), nullable=False),
    sa.Column('idempotency_key', sa.String(length=64), nullable=True),
    sa.Column('conversation_id', sa.Integer(), nullable=True),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('topic', sa.String(length=64), nullable=True),
    sa.Column('question', sa.String(), nullable=True),
    sa.Column('description', sa.String(), nullable=True),
    sa.Column('requester_kind', sa.String(length=32), nullable=True),
    sa.Column('name', sa.String(length=160), nullable=True),
    sa.Column('organisation', sa.String(length=240), nullable=True),
    sa.Column('tax_code', sa.String(length=20), nullable=True),
    sa.Column('phone', sa.String(length=20), nullable=True),
    sa.Column('province', sa.String(length=32), nullable=True),
    sa.Column('old_province', sa.String(length=32), nullable=True),
    sa.Column('commune', sa.String(length=8), nullable=True),
    sa.Column('former_unit', sa.String(length=8), nullable=True),
    sa.Column('place', sa.String(length=240), nullable=True),
    sa.Column('legal_basis', sa.String(length=16), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('is_open', sa.Boolean(), nullable=False),
    sa.Column('is_running', sa.Boolean(), nullable=False),
    sa.Column('priority', sa.String(length=16), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=True),
    sa.Column('assignee_id', sa.Integer(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('unread_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('clock_started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('target_amount', sa.Integer(), nullable=False),
    sa.Column('target_unit', sa.String(length=8), nullable=False),
    sa.Column('accept_due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reply_due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('warn_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_provisional', sa.Boolean(), nullable=False),
    sa.Column('paused_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('paused_seconds', sa.Integer(), nullable=False),
    sa.Column('pauses', JSON, nullable=False),
    sa.Column('extended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('replied_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('result', sa.String(), nullable=True),
    sa.Column('rating', sa.Integer(), nullable=True),
    sa.Column('rating_comment', sa.String(), nullable=True),
    sa.Column('rated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deidentified_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['assignee_id'], ['staff_members.id'], name=op.f('fk_requests_assignee_id_staff_members')),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversations.id'], name=op.f('fk_requests_conversation_id_conversations')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_requests_department_id_departments')),
    sa.ForeignKeyConstraint(['unit_id'], ['units.id'], name=op.f('fk_requests_unit_id_units')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_requests')),
    sa.UniqueConstraint('department_id', 'code', name=op.f('uq_requests_department_id_code')),
    sa.UniqueConstraint('department_id', 'idempotency_key', name=op.f('uq_requests_department_id_idempotency_key'))
    )
    with op.batch_alter_table('requests', schema=None) as batch_op:
        batch_op.create_index('ix_requests_assignee_id_id', ['department_id', 'assignee_id', 'id'], unique=False)
        batch_op.create_index('ix_requests_unit_id_id', ['department_id', 'unit_id', 'id'], unique=False)
        batch_op.create_index('ix_requests_tax_code', ['department_id', 'tax_code'], unique=False)
        batch_op.create_index('ix_requests_unread', ['department_id', 'unread_at'], unique=False, sqlite_where=sa.text('unread_at IS NOT NULL'), postgresql_where=sa.text('unread_at IS NOT NULL'))
        batch_op.create_index('ix_requests_assignee_due', ['assignee_id', 'is_open', 'due_at', 'id'], unique=False)
        batch_op.create_index('ix_requests_channel_id', ['department_id', 'channel', 'id'], unique=False)
        batch_op.create_index('ix_requests_conversation_id_id', ['conversation_id', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_requests_department_id'), ['department_id'], unique=False)
        batch_op.create_index('ix_requests_open_due', ['department_id', 'is_open', 'due_at', 'id'], unique=False)
        batch_op.create_index('ix_requests_phone', ['department_id', 'phone'], unique=False)
        batch_op.create_index('ix_requests_province_id', ['department_id', 'province', 'id'], unique=False)
        batch_op.create_index('ix_requests_status_id', ['department_id', 'status', 'id'], unique=False)
        batch_op.create_index('ix_requests_topic_id', ['department_id', 'topic', 'id'], unique=False)
        batch_op.create_index('ix_requests_unit_due', ['unit_id', 'is_open', 'due_at', 'id'], unique=False)

    op.create_table('routing_rules',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('topic', sa.String(length=64), nullable=True),
    sa.Column('province', sa.String(length=32), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_routing_rules_department_id_departments')),
    sa.ForeignKeyConstraint(['unit_id'], ['units.id'], name=op.f('fk_routing_rules_unit_id_units')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_routing_rules')),
    sa.UniqueConstraint('department_id', 'topic', 'province', name=op.f('uq_routing_rules_department_id_topic_province'))
    )
    with op.batch_alter_table('routing_rules', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_routing_rules_department_id'), ['department_id'], unique=False)

    op.create_table('staff_second_factors',
    sa.Column('staff_member_id', sa.Integer(), nullable=False),
    sa.Column('sealed_secret', sa.String(), nullable=False),
    sa.Column('last_step', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_staff_second_factors_department_id_departments')),
    sa.ForeignKeyConstraint(['staff_member_id'], ['staff_members.id'], name=op.f('fk_staff_second_factors_staff_member_id_staff_members')),
    sa.PrimaryKeyConstraint('staff_member_id', name=op.f('pk_staff_second_factors'))
    )
    with op.batch_alter_table('staff_second_factors', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_staff_second_factors_department_id'), ['department_id'], unique=False)

    op.create_table('staff_recovery_codes',
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('staff_member_id', sa.Integer(), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_staff_recovery_codes_department_id_departments')),
    sa.ForeignKeyConstraint(['staff_member_id'], ['staff_members.id'], name=op.f('fk_staff_recovery_codes_staff_member_id_staff_members')),
    sa.PrimaryKeyConstraint('code_hash', name=op.f('pk_staff_recovery_codes'))
    )
    with op.batch_alter_table('staff_recovery_codes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_staff_recovery_codes_department_id'), ['department_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_staff_recovery_codes_staff_member_id'), ['staff_member_id'], unique=False)

    op.create_table('canned_replies',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=True),
    sa.Column('title', sa.String(length=120), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('updated_by', sa.Integer(), nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_canned_replies_department_id_departments')),
    sa.ForeignKeyConstraint(['unit_id'], ['units.id'], name=op.f('fk_canned_replies_unit_id_units')),
    sa.ForeignKeyConstraint(['updated_by'], ['staff_members.id'], name=op.f('fk_canned_replies_updated_by_staff_members')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_canned_replies'))
    )
    with op.batch_alter_table('canned_replies', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_canned_replies_department_id'), ['department_id'], unique=False)

    op.create_table('staff_sessions',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('staff_member_id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('is_verified', sa.Boolean(), nullable=False),
    sa.Column('user_agent', sa.String(length=200), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_staff_sessions_department_id_departments')),
    sa.ForeignKeyConstraint(['staff_member_id'], ['staff_members.id'], name=op.f('fk_staff_sessions_staff_member_id_staff_members')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_staff_sessions'))
    )
    with op.batch_alter_table('staff_sessions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_staff_sessions_department_id'), ['department_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_staff_sessions_expires_at'), ['expires_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_staff_sessions_staff_member_id'), ['staff_member_id'], unique=False)

    op.create_table('turns',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=16), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('text', sa.String(), nullable=True),
    sa.Column('text_folded', sa.String(), nullable=True),
    sa.Column('outcome', sa.String(length=16), nullable=True),
    sa.Column('topic', sa.String(length=64), nullable=True),
    sa.Column('facet', sa.String(length=16), nullable=True),
    sa.Column('article', sa.String(length=160), nullable=True),
    sa.Column('province', sa.String(length=32), nullable=True),
    sa.Column('reason', sa.String(length=32), nullable=True),
    sa.Column('confidence', sa.Double(), nullable=True),
    sa.Column('details', JSON, nullable=False),
    sa.Column('feedback', sa.String(length=16), nullable=True),
    sa.Column('knowledge_version', sa.Integer(), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversations.id'], name=op.f('fk_turns_conversation_id_conversations')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_turns_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_turns')),
    sa.UniqueConstraint('key', name=op.f('uq_turns_key'))
    )
    with op.batch_alter_table('turns', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_turns_conversation_id'), ['conversation_id'], unique=False)
        batch_op.create_index('ix_turns_department_created', ['department_id', 'created_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_turns_department_id'), ['department_id'], unique=False)

    op.create_table('unit_members',
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('staff_member_id', sa.Integer(), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_unit_members_department_id_departments')),
    sa.ForeignKeyConstraint(['staff_member_id'], ['staff_members.id'], name=op.f('fk_unit_members_staff_member_id_staff_members')),
    sa.ForeignKeyConstraint(['unit_id'], ['units.id'], name=op.f('fk_unit_members_unit_id_units')),
    sa.PrimaryKeyConstraint('unit_id', 'staff_member_id', name=op.f('pk_unit_members'))
    )
    with op.batch_alter_table('unit_members', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_unit_members_department_id'), ['department_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_unit_members_staff_member_id'), ['staff_member_id'], unique=False)

    op.create_table('zalo_media',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('inbox_external_id', sa.String(length=160), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=True),
    sa.Column('url', sa.String(), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.String(length=64), nullable=True),
    sa.Column('received', JSON, nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversations.id'], name=op.f('fk_zalo_media_conversation_id_conversations')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_zalo_media_department_id_departments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_zalo_media')),
    sa.UniqueConstraint('inbox_external_id', 'position', name=op.f('uq_zalo_media_inbox_external_id_position'))
    )
    with op.batch_alter_table('zalo_media', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_zalo_media_conversation_id'), ['conversation_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_zalo_media_department_id'), ['department_id'], unique=False)
        batch_op.create_index('ix_zalo_media_due', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))

    op.create_table('handovers',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Integer(), nullable=True),
    sa.Column('staff_member_id', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversations.id'], name=op.f('fk_handovers_conversation_id_conversations')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_handovers_department_id_departments')),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_handovers_request_id_requests')),
    sa.ForeignKeyConstraint(['staff_member_id'], ['staff_members.id'], name=op.f('fk_handovers_staff_member_id_staff_members')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_handovers'))
    )
    with op.batch_alter_table('handovers', schema=None) as batch_op:
        batch_op.create_index('ix_handovers_conversation', ['conversation_id', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_handovers_department_id'), ['department_id'], unique=False)

    op.create_table('inbox_messages',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('account', sa.String(length=64), nullable=False),
    sa.Column('external_id', sa.String(length=160), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=True),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('message', JSON, nullable=True),
    sa.Column('raw', sa.LargeBinary(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('turn_id', sa.Integer(), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversations.id'], name=op.f('fk_inbox_messages_conversation_id_conversations')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_inbox_messages_department_id_departments')),
    sa.ForeignKeyConstraint(['turn_id'], ['turns.id'], name=op.f('fk_inbox_messages_turn_id_turns')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inbox_messages')),
    sa.UniqueConstraint('channel', 'account', 'external_id', name=op.f('uq_inbox_messages_channel_account_external_id'))
    )
    with op.batch_alter_table('inbox_messages', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_inbox_messages_department_id'), ['department_id'], unique=False)
        batch_op.create_index('ix_inbox_messages_new', ['conversation_id', 'id'], unique=False, sqlite_where=sa.text("status = 'new'"), postgresql_where=sa.text("status = 'new'"))
        batch_op.create_index('ix_inbox_messages_received_at', ['received_at'], unique=False)

    op.create_table('outbox_messages',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('turn_id', sa.Integer(), nullable=True),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('in_reply_to', sa.String(length=160), nullable=True),
    sa.Column('reply', JSON, nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempt_started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('released_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('external_id', sa.String(length=128), nullable=True),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversations.id'], name=op.f('fk_outbox_messages_conversation_id_conversations')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_outbox_messages_department_id_departments')),
    sa.ForeignKeyConstraint(['turn_id'], ['turns.id'], name=op.f('fk_outbox_messages_turn_id_turns')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox_messages')),
    sa.UniqueConstraint('conversation_id', 'seq', name=op.f('uq_outbox_messages_conversation_id_seq'))
    )
    with op.batch_alter_table('outbox_messages', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_outbox_messages_department_id'), ['department_id'], unique=False)
        batch_op.create_index('ix_outbox_messages_queued', ['channel', 'id'], unique=False, sqlite_where=sa.text("status = 'queued'"), postgresql_where=sa.text("status = 'queued'"))
        batch_op.create_index('ix_outbox_messages_unsent', ['department_id', 'id'], unique=False, sqlite_where=sa.text("status IN ('waiting_window', 'undeliverable')"), postgresql_where=sa.text("status IN ('waiting_window', 'undeliverable')"))

    op.create_table('private_links',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('purpose', sa.String(length=16), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversations.id'], name=op.f('fk_private_links_conversation_id_conversations')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_private_links_department_id_departments')),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_private_links_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_private_links')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_private_links_token_hash'))
    )
    with op.batch_alter_table('private_links', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_private_links_conversation_id'), ['conversation_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_private_links_department_id'), ['department_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_private_links_request_id'), ['request_id'], unique=False)

    op.create_table('request_history',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Integer(), nullable=False),
    sa.Column('action', sa.String(length=32), nullable=False),
    sa.Column('actor', sa.String(length=16), nullable=False),
    sa.Column('staff_member_id', sa.Integer(), nullable=True),
    sa.Column('from_status', sa.String(length=16), nullable=True),
    sa.Column('to_status', sa.String(length=16), nullable=True),
    sa.Column('details', JSON, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_request_history_department_id_departments')),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_request_history_request_id_requests')),
    sa.ForeignKeyConstraint(['staff_member_id'], ['staff_members.id'], name=op.f('fk_request_history_staff_member_id_staff_members')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_request_history'))
    )
    with op.batch_alter_table('request_history', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_request_history_department_id'), ['department_id'], unique=False)
        batch_op.create_index('ix_request_history_request_id_id', ['request_id', 'id'], unique=False)

    op.create_table('request_words',
    sa.Column('request_id', sa.Integer(), nullable=False),
    sa.Column('word', sa.String(length=40).with_variant(sa.String(length=40, collation='C'), 'postgresql'), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_request_words_department_id_departments')),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_request_words_request_id_requests')),
    sa.PrimaryKeyConstraint('request_id', 'word', name=op.f('pk_request_words'))
    )
    with op.batch_alter_table('request_words', schema=None) as batch_op:
        batch_op.create_index('ix_request_words_found', ['department_id', 'word', 'request_id'], unique=False)

    op.create_table('consents',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('purpose', sa.String(length=32), nullable=False),
    sa.Column('choice', sa.String(length=16), nullable=False),
    sa.Column('text_version', sa.String(length=32), nullable=False),
    sa.Column('text_hash', sa.String(length=64), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('inbox_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversations.id'], name=op.f('fk_consents_conversation_id_conversations')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_consents_department_id_departments')),
    sa.ForeignKeyConstraint(['inbox_id'], ['inbox_messages.id'], name=op.f('fk_consents_inbox_id_inbox_messages')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consents'))
    )
    with op.batch_alter_table('consents', schema=None) as batch_op:
        batch_op.create_index('ix_consents_conversation_purpose', ['conversation_id', 'purpose', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_consents_department_id'), ['department_id'], unique=False)

    op.create_table('request_messages',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Integer(), nullable=False),
    sa.Column('author', sa.String(length=16), nullable=False),
    sa.Column('staff_member_id', sa.Integer(), nullable=True),
    sa.Column('text', sa.String(), nullable=True),
    sa.Column('notice', sa.String(length=64), nullable=True),
    sa.Column('outbox_id', sa.Integer(), nullable=True),
    sa.Column('inbox_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('called_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('called_by', sa.Integer(), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['called_by'], ['staff_members.id'], name=op.f('fk_request_messages_called_by_staff_members')),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_request_messages_department_id_departments')),
    sa.ForeignKeyConstraint(['inbox_id'], ['inbox_messages.id'], name=op.f('fk_request_messages_inbox_id_inbox_messages')),
    sa.ForeignKeyConstraint(['outbox_id'], ['outbox_messages.id'], name=op.f('fk_request_messages_outbox_id_outbox_messages')),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_request_messages_request_id_requests')),
    sa.ForeignKeyConstraint(['staff_member_id'], ['staff_members.id'], name=op.f('fk_request_messages_staff_member_id_staff_members')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_request_messages'))
    )
    with op.batch_alter_table('request_messages', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_request_messages_department_id'), ['department_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_request_messages_outbox_id'), ['outbox_id'], unique=False)
        batch_op.create_index('ix_request_messages_request_id_id', ['request_id', 'id'], unique=False)

    op.create_table('request_files',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Integer(), nullable=True),
    sa.Column('draft_id', sa.Integer(), nullable=True),
    sa.Column('message_id', sa.Integer(), nullable=True),
    sa.Column('content_hash', sa.String(length=64), nullable=True),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('media_type', sa.String(length=80), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=True),
    sa.Column('is_reencoded', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['departments.id'], name=op.f('fk_request_files_department_id_departments')),
    sa.ForeignKeyConstraint(['draft_id'], ['request_drafts.id'], name=op.f('fk_request_files_draft_id_request_drafts')),
    sa.ForeignKeyConstraint(['message_id'], ['request_messages.id'], name=op.f('fk_request_files_message_id_request_messages')),
    sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_request_files_request_id_requests')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_request_files'))
    )
    with op.batch_alter_table('request_files', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_request_files_content_hash'), ['content_hash'], unique=False)
        batch_op.create_index(batch_op.f('ix_request_files_department_id'), ['department_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_request_files_draft_id'), ['draft_id'], unique=False)
        batch_op.create_index('ix_request_files_request_id_id', ['request_id', 'id'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('request_files', schema=None) as batch_op:
        batch_op.drop_index('ix_request_files_request_id_id')
        batch_op.drop_index(batch_op.f('ix_request_files_draft_id'))
        batch_op.drop_index(batch_op.f('ix_request_files_department_id'))
        batch_op.drop_index(batch_op.f('ix_request_files_content_hash'))

    op.drop_table('request_files')
    with op.batch_alter_table('request_messages', schema=None) as batch_op:
        batch_op.drop_index('ix_request_messages_request_id_id')
        batch_op.drop_index(batch_op.f('ix_request_messages_outbox_id'))
        batch_op.drop_index(batch_op.f('ix_request_messages_department_id'))

    op.drop_table('request_messages')
    with op.batch_alter_table('consents', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_consents_department_id'))
        batch_op.drop_index('ix_consents_conversation_purpose')

    op.drop_table('consents')
    with op.batch_alter_table('request_words', schema=None) as batch_op:
        batch_op.drop_index('ix_request_words_found')

    op.drop_table('request_words')
    with op.batch_alter_table('request_history', schema=None) as batch_op:
        batch_op.drop_index('ix_request_history_request_id_id')
        batch_op.drop_index(batch_op.f('ix_request_history_department_id'))

    op.drop_table('request_history')
    with op.batch_alter_table('private_links', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_private_links_request_id'))
        batch_op.drop_index(batch_op.f('ix_private_links_department_id'))
        batch_op.drop_index(batch_op.f('ix_private_links_conversation_id'))

    op.drop_table('private_links')
    with op.batch_alter_table('outbox_messages', schema=None) as batch_op:
        batch_op.drop_index('ix_outbox_messages_unsent', sqlite_where=sa.text("status IN ('waiting_window', 'undeliverable')"), postgresql_where=sa.text("status IN ('waiting_window', 'undeliverable')"))
        batch_op.drop_index('ix_outbox_messages_queued', sqlite_where=sa.text("status = 'queued'"), postgresql_where=sa.text("status = 'queued'"))
        batch_op.drop_index(batch_op.f('ix_outbox_messages_department_id'))

    op.drop_table('outbox_messages')
    with op.batch_alter_table('inbox_messages', schema=None) as batch_op:
        batch_op.drop_index('ix_inbox_messages_received_at')
        batch_op.drop_index('ix_inbox_messages_new', sqlite_where=sa.text("status = 'new'"), postgresql_where=sa.text("status = 'new'"))
        batch_op.drop_index(batch_op.f('ix_inbox_messages_department_id'))

    op.drop_table('inbox_messages')
    with op.batch_alter_table('handovers', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_handovers_department_id'))
        batch_op.drop_index('ix_handovers_conversation')

    op.drop_table('handovers')
    with op.batch_alter_table('zalo_media', schema=None) as batch_op:
        batch_op.drop_index('ix_zalo_media_due', sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
        batch_op.drop_index(batch_op.f('ix_zalo_media_department_id'))
        batch_op.drop_index(batch_op.f('ix_zalo_media_conversation_id'))

    op.drop_table('zalo_media')
    with op.batch_alter_table('unit_members', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_unit_members_staff_member_id'))
        batch_op.drop_index(batch_op.f('ix_unit_members_department_id'))

    op.drop_table('unit_members')
    with op.batch_alter_table('turns', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_turns_department_id'))
        batch_op.drop_index('ix_turns_department_created')
        batch_op.drop_index(batch_op.f('ix_turns_conversation_id'))

    op.drop_table('turns')
    with op.batch_alter_table('canned_replies', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_canned_replies_department_id'))

    op.drop_table('canned_replies')
    with op.batch_alter_table('staff_recovery_codes', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_staff_recovery_codes_staff_member_id'))
        batch_op.drop_index(batch_op.f('ix_staff_recovery_codes_department_id'))

    op.drop_table('staff_recovery_codes')
    with op.batch_alter_table('staff_second_factors', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_staff_second_factors_department_id'))

    op.drop_table('staff_second_factors')
    with op.batch_alter_table('staff_sessions', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_staff_sessions_staff_member_id'))
        batch_op.drop_index(batch_op.f('ix_staff_sessions_expires_at'))
        batch_op.drop_index(batch_op.f('ix_staff_sessions_department_id'))

    op.drop_table('staff_sessions')
    with op.batch_alter_table('routing_rules', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_routing_rules_department_id'))

    op.drop_table('routing_rules')
    with op.batch_alter_table('requests', schema=None) as batch_op:
        batch_op.drop_index('ix_requests_unread')
        batch_op.drop_index('ix_requests_tax_code')
        batch_op.drop_index('ix_requests_unit_id_id')
        batch_op.drop_index('ix_requests_assignee_id_id')
        batch_op.drop_index('ix_requests_unit_due')
        batch_op.drop_index('ix_requests_topic_id')
        batch_op.drop_index('ix_requests_status_id')
        batch_op.drop_index('ix_requests_province_id')
        batch_op.drop_index('ix_requests_phone')
        batch_op.drop_index('ix_requests_open_due')
        batch_op.drop_index(batch_op.f('ix_requests_department_id'))
        batch_op.drop_index('ix_requests_conversation_id_id')
        batch_op.drop_index('ix_requests_channel_id')
        batch_op.drop_index('ix_requests_assignee_due')

    op.drop_table('requests')
    with op.batch_alter_table('request_drafts', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_request_drafts_expires_at'))
        batch_op.drop_index(batch_op.f('ix_request_drafts_department_id'))

    op.drop_table('request_drafts')
    with op.batch_alter_table('knowledge_versions', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_knowledge_versions_department_id'))

    op.drop_table('knowledge_versions')
    with op.batch_alter_table('data_tasks', schema=None) as batch_op:
        batch_op.drop_index('uq_data_tasks_open', sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))
        batch_op.drop_index('ix_data_tasks_status_due')
        batch_op.drop_index(batch_op.f('ix_data_tasks_department_id'))

    op.drop_table('data_tasks')
    with op.batch_alter_table('channel_switches', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_channel_switches_department_id'))

    op.drop_table('channel_switches')
    with op.batch_alter_table('audit_events', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_events_member')
        batch_op.drop_index(batch_op.f('ix_audit_events_department_id'))
        batch_op.drop_index(batch_op.f('ix_audit_events_created_at'))
        batch_op.drop_index('ix_audit_events_action')

    op.drop_table('audit_events')
    with op.batch_alter_table('zalo_tokens', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_zalo_tokens_department_id'))

    op.drop_table('zalo_tokens')
    with op.batch_alter_table('zalo_people', schema=None) as batch_op:
        batch_op.drop_index('ix_zalo_people_name_due', sqlite_where=sa.text('name_due_at IS NOT NULL'), postgresql_where=sa.text('name_due_at IS NOT NULL'))
        batch_op.drop_index(batch_op.f('ix_zalo_people_department_id'))

    op.drop_table('zalo_people')
    with op.batch_alter_table('units', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_units_department_id'))

    op.drop_table('units')
    with op.batch_alter_table('staff_members', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_staff_members_department_id'))

    op.drop_table('staff_members')
    op.drop_table('knowledge_states')
    with op.batch_alter_table('knowledge_records', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_knowledge_records_department_id'))

    op.drop_table('knowledge_records')
    with op.batch_alter_table('jobs', schema=None) as batch_op:
        batch_op.drop_index('ix_jobs_due', sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))
        batch_op.drop_index(batch_op.f('ix_jobs_department_id'))

    op.drop_table('jobs')
    with op.batch_alter_table('desk_settings', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_desk_settings_department_id'))

    op.drop_table('desk_settings')
    with op.batch_alter_table('conversations', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_conversations_department_id'))

    op.drop_table('conversations')
    with op.batch_alter_table('channel_states', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_channel_states_department_id'))

    op.drop_table('channel_states')
    with op.batch_alter_table('calendar_days', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_calendar_days_department_id'))

    op.drop_table('calendar_days')
    with op.batch_alter_table('alerts', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_alerts_department_id'))

    op.drop_table('alerts')
    with op.batch_alter_table('sign_in_throttles', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sign_in_throttles_updated_at'))

    op.drop_table('sign_in_throttles')
    op.drop_table('leases')
    op.drop_table('departments')
