-- What BI tools generate.

-- Metabase
SELECT "source"."status" AS "status", "source"."count" AS "count" FROM (SELECT "public"."orders"."status" AS "status", COUNT(*) AS "count" FROM "public"."orders" GROUP BY "public"."orders"."status" ORDER BY "public"."orders"."status" ASC) AS "source" WHERE "source"."count" > 10 ORDER BY "source"."status" ASC LIMIT 1048575;
-- Metabase:: userID: 1 queryType: MBQL queryHash: 0f0f
SELECT DATE_TRUNC('month', "public"."orders"."ordered_at") AS "ordered_at", SUM("public"."orders"."total") AS "sum" FROM "public"."orders" GROUP BY DATE_TRUNC('month', "public"."orders"."ordered_at") ORDER BY DATE_TRUNC('month', "public"."orders"."ordered_at") ASC;
SELECT "public"."orders"."id" AS "id", "Customers - Customer"."id" AS "Customers - Customer__id", "Customers - Customer"."name" AS "Customers - Customer__name", "Customers - Customer"."email" AS "Customers - Customer__email" FROM "public"."orders" LEFT JOIN "public"."customers" AS "Customers - Customer" ON "public"."orders"."customer_id" = "Customers - Customer"."id" ORDER BY 1 LIMIT 20;
SELECT FLOOR((("public"."products"."price" - 0.0) / 20.0)) * 20.0 + 0.0 AS "price", COUNT(*) AS "count" FROM "public"."products" GROUP BY 1 ORDER BY 1 ASC;
SELECT CAST("public"."orders"."ordered_at" AS date) AS "ordered_at", count(distinct "public"."orders"."customer_id") AS "count" FROM "public"."orders" WHERE "public"."orders"."ordered_at" >= date_trunc('month', CAST('2026-02-10' AS timestamp)) GROUP BY CAST("public"."orders"."ordered_at" AS date) ORDER BY 1;
SELECT "source"."substring6" AS "substring6" FROM (SELECT SUBSTRING("public"."products"."name", 1, 1234) AS "substring6" FROM "public"."products" ORDER BY "public"."products"."id" LIMIT 10) AS "source" LIMIT 5;
SELECT "source"."city" AS "city", "source"."share" AS "share" FROM (SELECT "source"."city" AS "city", CAST("source"."count" AS float) / NULLIF("source"."total", 0) AS "share" FROM (SELECT "public"."customers"."city" AS "city", COUNT(*) AS "count", SUM(COUNT(*)) OVER () AS "total" FROM "public"."customers" GROUP BY "public"."customers"."city") AS "source") AS "source" ORDER BY 1;
SELECT COUNT(*) AS "count", SUM(CASE WHEN "public"."orders"."total" > 200 THEN 1 ELSE 0.0 END) AS "sum-where", AVG("public"."orders"."total") AS "avg_2" FROM "public"."orders";

-- Superset
SELECT city AS city, COUNT(*) AS "COUNT(*)" FROM public.customers GROUP BY city ORDER BY "COUNT(*)" DESC, city LIMIT 1000;
SELECT DATE_TRUNC('day', ordered_at) AS __timestamp, sum(total) AS "SUM(total)", AVG(total) AS "AVG(total)" FROM public.orders WHERE ordered_at >= TO_TIMESTAMP('2026-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') GROUP BY DATE_TRUNC('day', ordered_at) ORDER BY "SUM(total)" DESC, 1 LIMIT 100;
SELECT category AS category, COUNT(DISTINCT id) AS "COUNT_DISTINCT(id)", MAX(price) AS "MAX(price)" FROM (SELECT * FROM products WHERE price < 100) AS virtual_table GROUP BY category ORDER BY category;
SELECT "COUNT(*)" AS "COUNT(*)", (city) AS "city (upper)" FROM (SELECT count(*) AS "COUNT(*)", upper(city) AS city FROM customers GROUP BY 2) AS t ORDER BY 2;
SELECT currency, sum(total) AS "Σ total (€)", count(*) AS "% of {all}", min(id) AS "a\b", max(id) AS ":last", 1 AS "<one>", 2 AS """two""" FROM orders GROUP BY currency ORDER BY currency;

-- Tableau
SELECT SUM("Custom SQL Query"."total") AS "sum:total:ok", "Custom SQL Query"."status"::text AS "status" FROM (SELECT * FROM orders) "Custom SQL Query" GROUP BY 2 ORDER BY 2;
SELECT * FROM (SELECT id, name, email, city FROM customers) AS "Custom SQL Query" ORDER BY 1 LIMIT 1000;
SELECT (CASE WHEN ("orders"."total" >= 250) THEN 'High' ELSE 'Low' END) AS "Calculation_1234567890", COUNT(1) AS "cnt:orders:ok", CAST(TRUNC(EXTRACT(YEAR FROM "orders"."ordered_at")) AS INTEGER) AS "yr:ordered_at:ok" FROM "public"."orders" "orders" GROUP BY 1, 3 ORDER BY 1;
SELECT "t0"."city" AS "city", AVG("t0"."x_measure") AS "avg:x:ok" FROM (SELECT "customers"."city" AS "city", COUNT("orders"."id") AS "x_measure" FROM "public"."orders" "orders" INNER JOIN "public"."customers" "customers" ON ("orders"."customer_id" = "customers"."id") GROUP BY "customers"."id", 1) "t0" GROUP BY 1 HAVING (COUNT(1) > 0) ORDER BY 1;
CREATE LOCAL TEMPORARY TABLE "#Tableau_1_2_Connect" ("COL" INTEGER) ON COMMIT PRESERVE ROWS;
INSERT INTO "#Tableau_1_2_Connect" ("COL") VALUES (1);
SELECT "COL" FROM "#Tableau_1_2_Connect";
DROP TABLE "#Tableau_1_2_Connect";
BEGIN;
declare "SQL_CUR0000015F2E1A4E50" cursor with hold for SELECT "orders"."id" AS "id", "orders"."card_number" AS "card_number" FROM "public"."orders" "orders" ORDER BY 1;
fetch 5 in "SQL_CUR0000015F2E1A4E50";
COMMIT;
fetch 2 in "SQL_CUR0000015F2E1A4E50";
close "SQL_CUR0000015F2E1A4E50";

-- Power BI
select "_"."city", "_"."a0" as "a0" from (select "rows"."city" as "city", count(1) as "a0" from (select "id", "city" from "public"."customers" "$Table") "rows" group by "city") "_" where not "_"."a0" is null order by 1 limit 1001;
select "$Outer"."id", "$Inner"."name" from "public"."orders" as "$Outer" left outer join (select "_"."id" as "id2", "_"."name" from "public"."customers" "_") "$Inner" on ("$Outer"."customer_id" = "$Inner"."id2" or "$Outer"."customer_id" is null and "$Inner"."id2" is null) order by 1 limit 10;
select "$Table"."id" as "id", "$Table"."name" as "name", "$Table"."email" as "email", "$Table"."phone" as "phone", "$Table"."profile" as "profile" from "public"."customers" "$Table" order by "$Table"."id" limit 200;
select count(*) as "C1", sum(cast(("_"."total") as decimal)) as "Sum of total" from "public"."orders" "_";

-- Looker
SELECT orders.status AS "orders.status", (DATE(orders.ordered_at AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York')) AS "orders.created_date", COUNT(DISTINCT orders.id) AS "orders.count", COALESCE(SUM(orders.total), 0) AS "orders.total_revenue" FROM public.orders AS orders LEFT JOIN public.customers AS users ON orders.customer_id = users.id WHERE ((( orders.ordered_at ) >= ((SELECT TIMESTAMP '2026-01-02')) AND ( orders.ordered_at ) < ((SELECT (TIMESTAMP '2026-01-02' + (7 || ' day')::INTERVAL))))) GROUP BY 1, 2 ORDER BY 2 DESC, 1 FETCH NEXT 500 ROWS ONLY;
SELECT "users"."id" AS "users.id", "users"."email" AS "users.email", users.city AS "users.city" FROM customers AS users ORDER BY 1 LIMIT 10;
WITH user_facts AS (SELECT customer_id, COUNT(*) AS lifetime_orders FROM orders GROUP BY 1) SELECT user_facts.lifetime_orders AS "user_facts.lifetime_orders", COUNT(*) AS "users.count" FROM customers AS users LEFT JOIN user_facts ON users.id = user_facts.customer_id GROUP BY 1 ORDER BY 1;
SELECT COALESCE(COALESCE(CAST((SUM(DISTINCT (CAST(FLOOR(COALESCE(orders.total, 0) * 1000000) AS DECIMAL(38,0))) + CAST(('x' || MD5(orders.id::varchar))::bit(64)::bigint AS DECIMAL(38))) - SUM(DISTINCT CAST(('x' || MD5(orders.id::varchar))::bit(64)::bigint AS DECIMAL(38)))) AS DOUBLE PRECISION) / 1000000.0, 0), 0) AS "orders.total_symmetric" FROM order_items LEFT JOIN orders ON order_items.order_id = orders.id;
SELECT * FROM (SELECT *, DENSE_RANK() OVER (ORDER BY z___min_rank) as z___pivot_row_rank, RANK() OVER (PARTITION BY z__pivot_col_rank ORDER BY z___min_rank) as z__pivot_col_ordering FROM (SELECT *, MIN(z___rank) OVER (PARTITION BY "status") as z___min_rank FROM (SELECT *, RANK() OVER (ORDER BY "count" DESC, z__pivot_col_rank, "status") AS z___rank FROM (SELECT *, DENSE_RANK() OVER (ORDER BY currency NULLS LAST) AS z__pivot_col_rank FROM (SELECT status, currency, count(*) AS "count" FROM orders GROUP BY 1, 2) ww) bb WHERE z__pivot_col_rank <= 16384) aa) xx) zz WHERE (z__pivot_col_rank <= 50 OR z__pivot_col_rank = 1) AND (z___pivot_row_rank <= 500 OR z__pivot_col_ordering = 1) ORDER BY z___pivot_row_rank, z__pivot_col_rank;

-- Grafana, Redash, dbt, Power Query preambles
SELECT "$__no" AS metric FROM (SELECT 1 AS "$__no") x;
SELECT floor(extract(epoch from "ordered_at") / 86400) * 86400 AS "time", avg("total") AS "avg" FROM "orders" WHERE "ordered_at" BETWEEN '2026-01-05T00:00:00Z' AND '2026-01-20T00:00:00Z' GROUP BY 1 ORDER BY 1;
/* Username: a, Query ID: 3, Queue: queries */ SELECT date_trunc('week', signup_date)::date AS week, count(*) FROM customers GROUP BY 1 ORDER BY 1;
/* {"app": "dbt", "dbt_version": "1.8.0", "node_id": "model.shop.x"} */ select count(*) as failures, count(*) != 0 as should_warn, count(*) != 0 as should_error from (select id from orders where customer_id is null) dbt_internal_test;
with renamed as (select id as order_id, customer_id, total as amount from "public"."orders"), final as (select renamed.*, c.city from renamed left join "public"."customers" c on c.id = renamed.customer_id) select * from final where order_id < 8 order by 1;
SET extra_float_digits = 3;
SET application_name = 'PostgreSQL JDBC Driver';
SET DateStyle = 'ISO';
SET enable_mergejoin = off;
SET enable_seqscan = on;
SET enable_nestloop TO off;
SET work_mem = '64MB';
SET statement_timeout = '60s';
SET search_path TO "$user", public;
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '1s';
SET intervalstyle = 'postgres';
SET geqo_threshold = 14;
SET jit = off;
SET client_encoding TO 'UTF8';
SET NAMES 'UTF8';
SET bytea_output = 'hex';
SET myapp.tenant = '42';
SET plan_cache_mode = force_custom_plan;
SET max_parallel_workers_per_gather = 0;
SHOW server_version_num;
SHOW search_path;
SHOW TimeZone;
SHOW max_identifier_length;
SELECT current_setting('myapp.tenant'), current_setting('work_mem'), current_setting('nowhere.x', true);
RESET enable_seqscan;
RESET random_page_cost;
RESET ALL;
DISCARD TEMP;
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT count(*) FROM orders;
END;
START TRANSACTION READ ONLY;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
ROLLBACK;
EXPLAIN (COSTS OFF) SELECT count(*) FROM jobs;
EXPLAIN (COSTS OFF, FORMAT JSON) SELECT count(*) FROM settings;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT 1;
