//! The tables, with the column types that both databases have. Written by hand, to match the migrations.

diesel::table! {
    /// User accounts.
    users (id) {
        /// An id is never used twice.
        id -> BigInt,
        /// As the user wrote it.
        email -> Text,
        /// The email in lower case, unique. Rust converts it, because the databases' `lower` differ.
        email_key -> Text,
        /// Whether the user has shown that the address is theirs.
        email_verified -> Bool,
        /// May be empty.
        first_name -> Text,
        /// May be empty.
        last_name -> Text,
        /// In Django's encoded form; `!…` is an unusable password.
        password -> Text,
        /// The id of the linked WorkOS user.
        workos_user_id -> Nullable<Text>,
        /// `updated_at` of the WorkOS profile that was last copied.
        workos_updated_at -> Nullable<Timestamp>,
        /// The address of the picture at WorkOS.
        picture_url -> Nullable<Text>,
        /// Whether the user can sign in.
        is_active -> Bool,
        /// Django's flag.
        is_staff -> Bool,
        /// Django's flag.
        is_superuser -> Bool,
        /// Whether `import-django` created the row.
        imported -> Bool,
        /// Incremented to revoke every token of the user. It starts at a random number, or at 0 in imported rows.
        token_version -> BigInt,
        /// When the account was created.
        date_joined -> Timestamp,
        /// The last sign-in.
        last_login -> Nullable<Timestamp>,
        /// When WorkOS deleted the linked user.
        workos_deleted_at -> Nullable<Timestamp>,
        /// The key of an imported user in Django, if it is no integer. Unique.
        django_id -> Nullable<Text>,
        /// Django's username, unique and compared exactly.
        username -> Nullable<Text>,
        /// When all sessions of the account last ended at once.
        sessions_ended_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    /// Browser sessions.
    sessions (id) {
        /// The session's id, also in the encrypted cookie.
        id -> Text,
        /// The user.
        user_id -> BigInt,
        /// SHA-256 of the login attempt's `state`, unique.
        login_attempt -> Nullable<Text>,
        /// What a request must show to get the session of a callback again; NULL in other sessions.
        callback_proof -> Nullable<Text>,
        /// WorkOS's session id.
        workos_sid -> Nullable<Text>,
        /// WorkOS's refresh token, encrypted.
        workos_refresh_token -> Nullable<Binary>,
        /// WorkOS's access token, encrypted; with `WORKOS_TOKEN_ROUTE` only. A trigger deletes it when the session ends.
        workos_access_token -> Nullable<Binary>,
        /// Until when WorkOS has confirmed the session.
        confirmed_until -> Nullable<Timestamp>,
        /// When the user signed in.
        created_at -> Timestamp,
        /// When the user last entered credentials; NULL in sessions of earlier versions.
        auth_time -> Nullable<Timestamp>,
        /// When the session was last used, to a tenth of SESSION_IDLE_TIMEOUT; NULL without it.
        last_seen_at -> Nullable<Timestamp>,
        /// When the session ends by itself.
        expires_at -> Timestamp,
        /// When the session was revoked.
        revoked_at -> Nullable<Timestamp>,
        /// The organisation of the session.
        organization_id -> Nullable<Text>,
        /// The user's role in the organisation.
        role -> Nullable<Text>,
        /// What else WorkOS says of the session, as JSON.
        workos_facts -> Nullable<Text>,
        /// When the session is due for renewal.
        renew_after -> Nullable<Timestamp>,
        /// When the lease of the process that renews the session expires.
        renewing_until -> Nullable<Timestamp>,
        /// When the refresh token was first sent to WorkOS, if no complete answer has followed.
        refresh_token_sent_at -> Nullable<Timestamp>,
        /// Consecutive renewals that failed because WorkOS could not be reached.
        renewal_failures -> Integer,
        /// The address that the user signed in from.
        ip_address -> Nullable<Text>,
        /// The browser's `User-Agent`, truncated to 255 characters.
        user_agent -> Nullable<Text>,
        /// The email of the impersonator, in an impersonated session.
        impersonator -> Nullable<Text>,
        /// Incremented when every cookie of the session must reload it from this row.
        generation -> Integer,
        /// When the generation was last incremented.
        generation_changed_at -> Nullable<Timestamp>,
        /// When the session was last revoked, or its generation last changed, by the database's clock. A
        /// trigger writes it.
        changed_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    /// Tombstones of sessions that were ended by SQL statements, not by this application. The
    /// database's triggers write them.
    ended_sessions (session_id) {
        /// The session.
        session_id -> Text,
        /// When the session's cookies expire.
        expires_at -> Timestamp,
        /// When the trigger ran, by the database's clock.
        noticed_at -> Timestamp,
    }
}

diesel::table! {
    /// What `import-django` imported of each row, so that a later run can tell which side has changed.
    django_imports (user_id) {
        /// The user.
        user_id -> BigInt,
        /// SHA-256 of the password as it was imported.
        password_digest -> Binary,
        /// SHA-256 of the same password as it is stored here; a sign-in may have hashed it again.
        password_here -> Binary,
        /// SHA-256 of the email and the names as they were imported.
        profile_digest -> Binary,
        /// As it was imported.
        workos_user_id -> Nullable<Text>,
        /// As it was imported.
        is_active -> Bool,
        /// As it was imported.
        is_staff -> Bool,
        /// As it was imported.
        is_superuser -> Bool,
        /// When the row was first imported.
        imported_at -> Timestamp,
        /// The user's key in Django, if it is no integer. Unique.
        django_id -> Nullable<Text>,
        /// Django's table; NULL if the version that imported the account did not record it.
        source_table -> Nullable<Text>,
    }
}

diesel::table! {
    /// Refresh tokens by their id, without the tokens themselves.
    refresh_tokens (jti) {
        /// The token's id.
        jti -> Text,
        /// The id of the sign-in's first token, which all its successors share.
        family -> Text,
        /// The user; NULL if the token's user is not known here.
        user_id -> Nullable<BigInt>,
        /// The WorkOS session with which the family ends.
        sid -> Nullable<Text>,
        /// The browser session with which the family ends, if WorkOS has no session for it.
        session_id -> Nullable<Text>,
        /// When the token was issued.
        issued_at -> Timestamp,
        /// When the token expires.
        expires_at -> Timestamp,
        /// When the family ends.
        family_expires_at -> Nullable<Timestamp>,
        /// When rotation replaced the token.
        consumed_at -> Nullable<Timestamp>,
        /// The pair that replaced the token, encrypted.
        successor -> Nullable<Binary>,
        /// When the token was revoked.
        revoked_at -> Nullable<Timestamp>,
        /// How the user signed in: `password`, or the issuer of Google or Okta; NULL otherwise.
        sign_in_method -> Nullable<Text>,
        /// The user's id at Google or Okta, with `sign_in_method`.
        sign_in_subject -> Nullable<Text>,
    }
}

diesel::table! {
    /// Users' identities at Google or Okta.
    identities (issuer, subject) {
        /// The provider's issuer.
        issuer -> Text,
        /// The user's id at the provider.
        subject -> Text,
        /// The user.
        user_id -> BigInt,
    }
}

diesel::table! {
    /// Further verified email addresses of accounts.
    account_addresses (email_key) {
        /// The address in the form in which addresses are compared.
        email_key -> Text,
        /// The user.
        user_id -> BigInt,
    }
}

diesel::table! {
    /// The groups that accounts had in Django.
    account_groups (user_id, name) {
        /// The user.
        user_id -> BigInt,
        /// The group's name.
        name -> Text,
    }
}

diesel::table! {
    /// What `import-django` imported of an account besides the row of the user table.
    django_import_items (user_id, kind, value) {
        /// The user.
        user_id -> BigInt,
        /// `address`, `identity`, `group` or `totp`.
        kind -> Text,
        /// The address, the issuer and the subject, the group's name, or the SHA-256 of the secret and the
        /// name of Django's table.
        value -> Text,
    }
}

diesel::table! {
    /// The options with which imports decided which accounts are closed or have a second factor.
    django_import_options (source_table, option) {
        /// Django's user table.
        source_table -> Text,
        /// Such as `--closed-column is_banned`.
        option -> Text,
    }
}

diesel::table! {
    /// Sessions of WorkOS that ended here and are to be revoked there.
    workos_revocations (sid) {
        /// WorkOS's session.
        sid -> Text,
        /// When the session ended here.
        created_at -> Timestamp,
        /// How often a process began to send it.
        attempts -> Integer,
        /// When it is sent next; also the end of the lease of the process that sends it.
        next_attempt_at -> Timestamp,
        /// Those with the lowest number are sent first.
        priority -> Integer,
    }
}

diesel::table! {
    /// Periodic jobs, which one replica at a time runs.
    jobs (name) {
        /// The job's name.
        name -> Text,
        /// When the job is due. The replica that moves this time forward runs the job.
        due_at -> Timestamp,
    }
}

diesel::table! {
    /// Up to which event WorkOS's Events API was read; one row, or none before the first reading.
    workos_event_cursor (id) {
        /// 1.
        id -> Integer,
        /// The last event that was read; NULL if WorkOS had none yet, or does not know it any more.
        event_id -> Nullable<Text>,
        /// When WorkOS created that event.
        event_created_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    /// What a restored backup is recognized by; one row.
    database_epoch (id) {
        /// 1.
        id -> Integer,
        /// A random number, which `vestibule restored` replaces.
        epoch -> BigInt,
        /// When a running server last wrote to the database, by the database's clock.
        heartbeat_at -> Timestamp,
        /// The heartbeat of a restored backup, until `vestibule restored` has run.
        restore_noticed_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    /// WorkOS's events that were processed, received by webhook or read from the Events API.
    webhook_events (id) {
        /// The event's id at WorkOS.
        id -> Text,
        /// The type, such as `user.updated`.
        event -> Text,
        /// The id of the user or session that the event is about.
        object_id -> Nullable<Text>,
        /// When the event was received or read.
        received_at -> Timestamp,
    }
}

diesel::table! {
    /// Sign-ins that wait for another step, such as the choice of an organisation.
    pending_sign_ins (id) {
        /// SHA-256 of the value of the browser's cookie.
        id -> Text,
        /// The state of the sign-in, encrypted.
        content -> Binary,
        /// When WorkOS asked for the step.
        asked_at -> Timestamp,
        /// When the row may be deleted.
        expires_at -> Timestamp,
        /// When the lease of the request that sends the answer to WorkOS expires.
        answering_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    /// Authenticator apps, the second factor of local passwords.
    totp_factors (user_id) {
        /// The user.
        user_id -> BigInt,
        /// The secret, encrypted.
        secret -> Binary,
        /// When the user set it up.
        created_at -> Timestamp,
        /// The time step of the last code that was accepted.
        last_step -> BigInt,
        /// When the last wrong code is forgotten.
        wrong_codes_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    /// Recovery codes that have not been used.
    recovery_codes (user_id, code_hash) {
        /// The user.
        user_id -> BigInt,
        /// SHA-256 of the code.
        code_hash -> Binary,
    }
}

diesel::table! {
    /// WorkOS users that WorkOS has deleted.
    deleted_workos_users (workos_user_id) {
        /// The user's id at WorkOS.
        workos_user_id -> Text,
        /// When the deletion was received.
        deleted_at -> Timestamp,
    }
}

diesel::table! {
    /// The audit trail. No column holds a secret.
    audit_events (id) {
        /// Increases with each event.
        id -> BigInt,
        /// When it happened.
        at -> Timestamp,
        /// The event's name, such as `signed_in`.
        event -> Text,
        /// The user whose account it is about. The user may have been deleted since.
        user_id -> Nullable<BigInt>,
        /// The browser session that it is about.
        session_id -> Nullable<Text>,
        /// The client's address.
        address -> Nullable<Text>,
        /// The client's `User-Agent`, truncated to 255 characters.
        user_agent -> Nullable<Text>,
        /// The id of the request, as in the log.
        request_id -> Nullable<Text>,
        /// More about the event, as a JSON object.
        detail -> Text,
    }
}

diesel::table! {
    /// What the readiness probe writes to find out whether the disk has space; empty otherwise.
    space_probe (content) {
        /// Random bytes.
        content -> Binary,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(identities -> users (user_id));
diesel::joinable!(account_addresses -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(account_addresses, users);
diesel::allow_tables_to_appear_in_same_query!(sessions, users, django_imports, identities);
diesel::allow_tables_to_appear_in_same_query!(sessions, refresh_tokens, workos_revocations);
diesel::allow_tables_to_appear_in_same_query!(totp_factors, users);
