//! The AMQP shell: sockets to the AMQP core to the broker and back.
