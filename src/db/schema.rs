//! The tables, of the types that both databases have. Kept by hand, beside the migrations.

diesel::table! {
    /// People.
    users (id) {
        /// Never given out twice.
        id -> BigInt,
        /// As it was given.
        email -> Text,
        /// Lower-cased in Rust, unique: the databases' own `lower` differ.
        email_key -> Text,
        /// Whether the person has shown that the address is theirs.
        email_verified -> Bool,
        /// May be empty.
        first_name -> Text,
        /// May be empty.
        last_name -> Text,
        /// Django's encoded form; `!…` is unusable.
        password -> Text,
        /// The user at WorkOS, once linked.
        workos_user_id -> Nullable<Text>,
        /// How new what we know from WorkOS is.
        workos_updated_at -> Nullable<Timestamp>,
        /// From WorkOS.
        picture_url -> Nullable<Text>,
        /// A closed account is `false` and never signed in.
        is_active -> Bool,
        /// Django's flag.
        is_staff -> Bool,
        /// Django's flag.
        is_superuser -> Bool,
        /// Brought by `import-django`.
        imported -> Bool,
        /// Raised to end every token given out before.
        token_version -> BigInt,
        /// When the row was made.
        date_joined -> Timestamp,
        /// The last sign-in here.
        last_login -> Nullable<Timestamp>,
        /// When WorkOS deleted the linked user.
        workos_deleted_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    /// Browser sessions: what must not be lost with a cookie.
    sessions (id) {
        /// Sealed into the cookie.
        id -> Text,
        /// Whose.
        user_id -> BigInt,
        /// SHA-256 of the attempt's `state`, unique.
        login_attempt -> Nullable<Text>,
        /// WorkOS's session.
        workos_sid -> Nullable<Text>,
        /// WorkOS's refresh token, encrypted.
        workos_refresh_token -> Nullable<Binary>,
        /// Until when WorkOS has vouched for the session.
        confirmed_until -> Nullable<Timestamp>,
        /// When the person signed in.
        created_at -> Timestamp,
        /// The session's end.
        expires_at -> Timestamp,
        /// When it was ended early.
        revoked_at -> Nullable<Timestamp>,
        /// The organisation that it is in.
        organization_id -> Nullable<Text>,
        /// The user's role there.
        role -> Nullable<Text>,
        /// From when on WorkOS is asked again.
        renew_after -> Nullable<Timestamp>,
        /// The lease of whoever is asking.
        renewing_until -> Nullable<Timestamp>,
        /// How often in a row WorkOS could not be reached.
        renewal_failures -> Integer,
        /// The address that the person signed in from.
        ip_address -> Nullable<Text>,
        /// The browser, as it says itself; at most 255 characters.
        user_agent -> Nullable<Text>,
        /// The e-mail of whoever acts for its owner there.
        impersonator -> Nullable<Text>,
        /// How often every cookie of the session was asked to look at the row.
        marks -> Integer,
        /// When last.
        marked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    /// Sessions that ended behind the program's back; the database's own triggers write it.
    ended_sessions (session_id) {
        /// Which.
        session_id -> Text,
        /// When its cookie ends by itself.
        expires_at -> Timestamp,
        /// When the database noticed, by its own clock.
        noticed_at -> Timestamp,
    }
}

diesel::table! {
    /// What `import-django` brought of each row, to tell later what has changed, and where.
    django_imports (user_id) {
        /// The row in `users`.
        user_id -> BigInt,
        /// SHA-256 of the password as it was written here.
        password_digest -> Binary,
        /// Of the same password as it stands here, which a sign-in may have hashed anew.
        password_here -> Binary,
        /// SHA-256 of e-mail and names as they were brought.
        profile_digest -> Binary,
        /// As it was brought.
        workos_user_id -> Nullable<Text>,
        /// As it was brought.
        is_active -> Bool,
        /// As it was brought.
        is_staff -> Bool,
        /// As it was brought.
        is_superuser -> Bool,
        /// When the row was first brought.
        imported_at -> Timestamp,
    }
}

diesel::table! {
    /// Refresh tokens by their id, never the tokens themselves.
    refresh_tokens (jti) {
        /// The token's id.
        jti -> Text,
        /// The jti of the first token of a sign-in, shared by its successors.
        family -> Text,
        /// Whose; `None`: nobody's that is known here.
        user_id -> Nullable<BigInt>,
        /// WorkOS's session.
        sid -> Nullable<Text>,
        /// When it was signed.
        issued_at -> Timestamp,
        /// The token's end.
        expires_at -> Timestamp,
        /// The end of its family.
        family_expires_at -> Nullable<Timestamp>,
        /// When rotation replaced it.
        consumed_at -> Nullable<Timestamp>,
        /// By what, sealed.
        successor -> Nullable<Binary>,
        /// Since when it is no longer good.
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    /// Who an account is at Google or Okta.
    identities (issuer, subject) {
        /// The provider.
        issuer -> Text,
        /// Who it is there.
        subject -> Text,
        /// The row in `users`.
        user_id -> BigInt,
    }
}

diesel::table! {
    /// What is done once in a while, by one replica at a time.
    jobs (name) {
        /// Which job.
        name -> Text,
        /// From when on it may be done; whoever moves it on does it.
        due_at -> Timestamp,
    }
}

diesel::table! {
    /// The events of WorkOS's that were taken.
    webhook_events (id) {
        /// WorkOS's.
        id -> Text,
        /// Such as `user.updated`.
        event -> Text,
        /// Whom or what it is about.
        object_id -> Nullable<Text>,
        /// When it came.
        received_at -> Timestamp,
    }
}

diesel::table! {
    /// Sign-ins for which WorkOS still wants an answer.
    unfinished_sign_ins (id) {
        /// SHA-256 of what the browser's cookie holds.
        id -> Text,
        /// What is asked for, and what goes on with it; sealed.
        content -> Binary,
        /// When WorkOS asked.
        asked_at -> Timestamp,
        /// From when on the row may go.
        expires_at -> Timestamp,
        /// Until when whoever is asking WorkOS keeps the others from it.
        answering_until -> Nullable<Timestamp>,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(identities -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(sessions, users, django_imports, identities);
