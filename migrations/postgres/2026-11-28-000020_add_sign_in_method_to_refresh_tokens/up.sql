-- sign_in_method: how the user of the token's family signed in, where neither WorkOS nor a browser session
-- says so: 'password', or the issuer of Google or Okta. NULL otherwise, and in rows of earlier versions.
ALTER TABLE refresh_tokens ADD COLUMN sign_in_method TEXT;
