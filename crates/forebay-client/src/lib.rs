//! A small asynchronous AMQP client over the core's client role, for our tools and tests.
