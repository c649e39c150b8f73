//! Tables in a schema of their own, and triggers that anybody's statement fires.

use diesel::connection::SimpleConnection as _;

use super::{administer, connect, name};
use crate::support::app::TestApp;
use crate::support::database::TestDatabase;
use crate::support::readings::happens_soon;

/// An application whose tables are in the schema `Auth`, which the URL or the database names.
fn app_in_schema(is_in_url: bool) -> Option<TestApp> {
    if !TestDatabase::is_postgres_run() {
        return None;
    }
    let database = TestDatabase::new();
    let url = database.url().to_owned();
    connect(&url)
        .batch_execute("CREATE SCHEMA \"Auth\"")
        .unwrap();
    let own_url = if is_in_url {
        format!("{url}?options=-csearch_path%3D%22Auth%22")
    } else {
        administer(&url, "ALTER DATABASE {} SET search_path = \"Auth\"");
        url
    };
    let app = TestApp::builder().database(database);
    Some(app.setting("DATABASE_URL", &own_url).start())
}

#[tokio::test]
async fn changes_made_with_sql_are_noticed_whatever_the_search_path_and_the_rights() {
    for is_in_url in [true, false] {
        let Some(app) = app_in_schema(is_in_url) else {
            return;
        };
        let ada = app.signed_in("ada@example.com").await;
        let olive = app.signed_in("olive@example.com").await;
        assert!(ada.is_signed_in().await);
        // A role that may do this and nothing else. Roles belong to the server.
        let url = app.database_url();
        let role = format!("{}_support", name(url));
        let mut other = connect(url);
        other
            .batch_execute(&format!(
                "CREATE ROLE {role}; GRANT USAGE ON SCHEMA \"Auth\" TO {role}; \
                 GRANT SELECT, UPDATE ON \"Auth\".users TO {role}; \
                 GRANT SELECT, DELETE ON \"Auth\".sessions TO {role}; \
                 SET search_path = pg_catalog; SET ROLE {role}"
            ))
            .unwrap();
        let changed = other.batch_execute(
            "UPDATE \"Auth\".users SET is_active = false WHERE email = 'ada@example.com'; \
             DELETE FROM \"Auth\".sessions WHERE user_id <> (SELECT id FROM \"Auth\".users \
             WHERE email = 'ada@example.com')",
        );
        other
            .batch_execute(&format!(
                "RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}"
            ))
            .unwrap();
        changed.unwrap();
        let have_ended = async || !ada.is_signed_in().await && !olive.is_signed_in().await;
        assert!(happens_soon(&app, have_ended).await);
        assert_eq!(app.count_rows("FROM ended_sessions"), 2);
    }
}

/// A later migration that replaces a function would take this from it.
#[test]
fn functions_that_use_tables_have_a_search_path_and_belong_to_their_owner_only() {
    let Some(database) = super::migrated() else {
        return;
    };
    let app = TestApp::builder().database(database).start();
    // One that changes only its own row needs neither.
    let functions = "FROM pg_proc WHERE pronamespace = current_schema()::regnamespace \
                     AND prosrc ~ '(SELECT|INSERT|UPDATE|DELETE)'";
    assert!(app.count_rows(functions) >= 2);
    let safe = "AND prosecdef AND proconfig::text LIKE '%pg\\_temp%' \
                AND NOT has_function_privilege('pg_monitor', oid, 'EXECUTE')";
    let count = app.count_rows(&format!("{functions} {safe}"));
    assert_eq!(count, app.count_rows(functions));
}
