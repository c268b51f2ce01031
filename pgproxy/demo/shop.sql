-- The shop's schema. `app` is the login the proxy uses: it reads and writes, and owns nothing.

CREATE TYPE public.order_status AS ENUM ('pending', 'paid', 'shipped', 'delivered', 'returned', 'cancelled');

CREATE TABLE public.users (
    id integer PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    phone text,
    ssn text,
    salary numeric(10, 2),
    birth_date date,
    notes text,
    profile jsonb NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE public.products (
    id integer PRIMARY KEY,
    sku text NOT NULL UNIQUE,
    name text NOT NULL,
    price numeric(10, 2) NOT NULL
);

CREATE TABLE public.orders (
    id integer PRIMARY KEY,
    user_id integer NOT NULL REFERENCES public.users,
    total numeric(10, 2) NOT NULL,
    card_number text,
    status public.order_status NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.order_items (
    order_id integer NOT NULL REFERENCES public.orders,
    line integer NOT NULL,
    product_id integer NOT NULL REFERENCES public.products,
    quantity integer NOT NULL CHECK (quantity > 0),
    price numeric(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE VIEW public.user_directory AS
    SELECT id, name, email FROM public.users;

CREATE VIEW public.monthly_order_totals AS
    SELECT date_trunc('month', created_at) AS month, count(*) AS orders, sum(total) AS total
    FROM public.orders
    WHERE status <> 'cancelled'
    GROUP BY 1;

COMMENT ON TABLE public.users IS 'Customers and staff';
COMMENT ON COLUMN public.users.notes IS 'What support wrote down, as they wrote it';
COMMENT ON VIEW public.user_directory IS 'Who is who: the same data under another name';
