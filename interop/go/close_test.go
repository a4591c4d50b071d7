package interop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

// proxy stands between a client and the server, and sees how connections end.
type proxy struct {
	server   *Server
	listener net.Listener
	mutex    sync.Mutex
	// One entry a connection: the last bytes of both directions, and how many of the two have ended.
	connections []*proxied
}

type proxied struct {
	lastOfClient, lastOfServer []byte
	ended                      int
}

func newProxy(t *testing.T, server *Server) *proxy {
	t.Helper()
	one := &proxy{server: server, listener: must(net.Listen("tcp", "127.0.0.1:0"))(t)}
	t.Cleanup(func() { _ = one.listener.Close() })
	go func() {
		for {
			client, err := one.listener.Accept()
			if err != nil {
				return
			}
			go one.serve(client)
		}
	}()
	return one
}

func (p *proxy) serve(client net.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	server, err := p.server.dial(ctx)
	if err != nil {
		_ = client.Close()
		return
	}
	one := &proxied{}
	p.mutex.Lock()
	p.connections = append(p.connections, one)
	p.mutex.Unlock()
	go p.copy(one, &one.lastOfClient, server, client)
	go p.copy(one, &one.lastOfServer, client, server)
}

// copy carries one direction to its end, and passes the end on.
func (p *proxy) copy(one *proxied, last *[]byte, to, from net.Conn) {
	buffer := make([]byte, 64*1024)
	for {
		count, err := from.Read(buffer)
		p.mutex.Lock()
		*last = append(*last, buffer[:count]...)
		*last = (*last)[max(0, len(*last)-256):]
		if err != nil {
			one.ended++
		}
		p.mutex.Unlock()
		if count > 0 {
			_, _ = to.Write(buffer[:count])
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				_ = to.(*net.TCPConn).CloseWrite()
			} else {
				_ = to.Close()
			}
			return
		}
	}
}

func (p *proxy) all(condition func(*proxied) bool) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, one := range p.connections {
		if !condition(one) {
			return false
		}
	}
	return true
}

func TestACleanCloseLeavesNoConnection(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	between := newProxy(t, server)
	address := between.listener.Addr().String()
	hub := newHub(t)
	producer := must(azeventhubs.NewProducerClientFromConnectionString(
		hub.Connection, hub.Name, &azeventhubs.ProducerClientOptions{CustomEndpoint: address, RetryOptions: noRetries},
	))(t)
	check(t, trySend(within(t), producer, nil, newEvent("anywhere")))
	check(t, trySend(within(t), producer, toPartition("0"), newEvent("x")))
	hub.properties(producer, "0")
	consumer := must(azeventhubs.NewConsumerClientFromConnectionString(
		hub.Connection, hub.Name, "$Default",
		&azeventhubs.ConsumerClientOptions{CustomEndpoint: address, RetryOptions: noRetries},
	))(t)
	client := partitionOf(t, consumer, "0", &azeventhubs.PartitionClientOptions{StartPosition: earliest})
	receive(t, client, 1)
	connections := 0
	isTrue(t, between.all(func(one *proxied) bool {
		connections++
		return one.ended == 0
	}), "one has ended too early")
	equal(t, "connections: each client has one", connections, 2)
	closeNow(t, client)
	closeNow(t, consumer)
	closeNow(t, producer)
	until(t, "both ends of every connection to end", func() bool {
		return between.all(func(one *proxied) bool { return one.ended == 2 })
	})
	// AMQP's own goodbye, 2.7.9: the client's close is answered with ours before the socket ends.
	closed := []byte{0x00, 0x53, 0x18}
	isTrue(t, between.all(func(one *proxied) bool {
		return bytes.Contains(one.lastOfClient, closed) && bytes.Contains(one.lastOfServer, closed)
	}), "somebody did not say goodbye")
}
