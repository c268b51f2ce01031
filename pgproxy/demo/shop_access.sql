-- After the load: indexes, statistics, and what `app` may do.

CREATE INDEX orders_user_id ON public.orders (user_id);
CREATE INDEX orders_created_at ON public.orders (created_at);
CREATE INDEX order_items_product_id ON public.order_items (product_id);

GRANT USAGE ON SCHEMA public TO app;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO app;

-- The proxy reads the server's analysed tree from its own session's messages; without this the same text would
-- fill the server's log. Only a superuser can set it for a role.
ALTER ROLE app SET log_min_messages = panic;

ANALYZE;
