-- sign_in_subject: the user's id at Google or Okta, where sign_in_method is the provider's issuer. NULL
-- otherwise, and in rows of earlier versions.
ALTER TABLE refresh_tokens ADD COLUMN sign_in_subject TEXT;
