// SIGKILL in the middle of sends, restart on the same data, read everything back.
//
// These prove recovery. They prove nothing about flushes: the page cache survives a killed process. `cargo xtask flush`
// proves those.

package interop

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	return must(strconv.Atoi(text))(t)
}

func killCycles(t *testing.T) int { return number(t, "FOREBAY_KILL_CYCLES", 5) }

// killChance is the chance of one test: the seed that it logs brings it back.
func killChance(t *testing.T) *rand.Rand {
	seed := number(t, "FOREBAY_KILL_SEED", int(time.Now().UnixNano()%1_000_000_000))
	t.Logf("FOREBAY_KILL_SEED=%d", seed)
	return rand.New(rand.NewPCG(uint64(seed), 0))
}

// publisher sends numbered events over go-amqp with several in flight, and notes what was acknowledged. It never sends
// one twice: when the connection breaks it is over, and what was not acknowledged by then stays unknown.
type publisher struct {
	mutex              sync.Mutex
	sent, acknowledged []string
	refused            []string
	over               chan struct{}
}

func publish(t *testing.T, server *Server, address, prefix, padding string, inFlight int) *publisher {
	t.Helper()
	link := sender(t, session(t, server), address, nil)
	one := &publisher{over: make(chan struct{})}
	type sending struct {
		text    string
		receipt amqp.SendReceipt
	}
	open := make(chan sending, inFlight)
	// Ends both halves when one of them finds the connection broken.
	ctx, cancel := context.WithTimeout(context.Background(), 2*waitTime)
	go func() {
		defer close(open)
		for number := 0; ; number++ {
			text := fmt.Sprintf("%s%07d%s", prefix, number, padding)
			one.note(func() { one.sent = append(one.sent, text) })
			receipt, err := link.SendWithReceipt(ctx, amqp.NewMessage([]byte(text)), nil)
			if err != nil {
				return
			}
			select {
			case open <- sending{text, receipt}:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		defer close(one.over)
		defer cancel()
		for next := range open {
			state, err := next.receipt.Wait(ctx)
			if err != nil {
				return
			}
			one.note(func() {
				if _, accepted := state.(*amqp.StateAccepted); accepted {
					one.acknowledged = append(one.acknowledged, next.text)
				} else {
					one.refused = append(one.refused, fmt.Sprintf("%s: %v", next.text, state))
				}
			})
		}
	}()
	return one
}

func (p *publisher) note(change func()) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	change()
}

func (p *publisher) waitForAcknowledgements(t *testing.T, count int) {
	t.Helper()
	until(t, fmt.Sprintf("%d acknowledgements", count), func() (enough bool) {
		p.note(func() { enough = len(p.acknowledged) >= count })
		return enough
	})
}

// end waits for it to notice that its connection is gone, and hands over what it noted.
func (p *publisher) end(t *testing.T) (sent, acknowledged []string) {
	t.Helper()
	arrives(t, "the publisher to notice that its connection is gone", p.over)
	p.note(func() {
		equal(t, "refused", p.refused, []string(nil))
		sent, acknowledged = slices.Clone(p.sent), slices.Clone(p.acknowledged)
	})
	return sent, acknowledged
}

// lines are what was sent to one address over all cycles.
type lines struct {
	name, address      string
	sent, acknowledged []string
	// The events of each cycle, as sent.
	cycles [][]string
}

func TestKillWithoutRetriesEveryAcknowledgedEventIsReadOnceAndInOrder(t *testing.T) {
	t.Parallel()
	for _, durability := range []string{"disk", "os"} {
		t.Run(durability, func(t *testing.T) {
			t.Parallel()
			chance := killChance(t)
			server := ownServer(t, "--durability", durability)
			all := []*lines{
				{name: "0", address: target("killed", "0")}, {name: "1", address: target("killed", "1")},
				{name: "hub", address: "killed"},
			}
			for cycle := range killCycles(t) {
				padding := strings.Repeat(".", []int{0, 100, 1000, 5000}[chance.IntN(4)])
				var publishers []*publisher
				for _, line := range all {
					prefix := fmt.Sprintf("%s/%03d/", line.name, cycle)
					inFlight := []int{1, 16, 200}[chance.IntN(3)]
					publishers = append(publishers, publish(t, server, line.address, prefix, padding, inFlight))
				}
				for _, publisher := range publishers {
					publisher.waitForAcknowledgements(t, 1+chance.IntN(300))
				}
				time.Sleep(time.Duration(chance.Float64() * float64(200*time.Millisecond)))
				server.kill()
				for number, publisher := range publishers {
					sent, acknowledged := publisher.end(t)
					all[number].sent = append(all[number].sent, sent...)
					all[number].acknowledged = append(all[number].acknowledged, acknowledged...)
					all[number].cycles = append(all[number].cycles, sent)
				}
				check(t, server.start())
			}
			// `readAll` makes sure that no partition's numbers have a gap.
			stored := map[string][]string{}
			for partition, events := range hubAt(t, server.Ready.ConnectionString, "killed").readAll() {
				stored[partition] = bodies(events)
			}
			total := 0
			for _, line := range all {
				line.judge(t, stored)
				total += len(line.acknowledged)
			}
			t.Logf("%d kills, %d acknowledged events", killCycles(t), total)
		})
	}
}

// judge holds what is stored against what was sent.
func (l *lines) judge(t *testing.T, stored map[string][]string) {
	t.Helper()
	found := map[string]bool{}
	for partition, texts := range stored {
		var mine []string
		for _, text := range texts {
			if strings.HasPrefix(text, l.name+"/") {
				mine = append(mine, text)
			}
		}
		isTrue(t, slices.IsSorted(mine), "partition %s is out of order", partition)
		isTrue(t, len(mine) == 0 || l.name == "hub" || l.name == partition, "%s is on partition %s", l.name, partition)
		for _, text := range mine {
			isTrue(t, !found[text], "%.30s is stored twice", text)
			found[text] = true
		}
		if l.name == partition {
			l.hasNoHole(t, mine)
		}
	}
	for _, text := range l.acknowledged {
		isTrue(t, found[text], "%.30s was acknowledged and is lost", text)
	}
	sent := map[string]bool{}
	for _, text := range l.sent {
		sent[text] = true
	}
	for text := range found {
		isTrue(t, sent[text], "%.30s was never sent", text)
	}
}

// hasNoHole: what a kill cuts off is an end.
func (l *lines) hasNoHole(t *testing.T, mine []string) {
	t.Helper()
	for cycle, sent := range l.cycles {
		prefix := fmt.Sprintf("%s/%03d/", l.name, cycle)
		count := 0
		for _, text := range mine {
			if strings.HasPrefix(text, prefix) {
				isTrue(t, count < len(sent) && text == sent[count], "cycle %d: %.30s is not number %d", cycle, text, count)
				count++
			}
		}
	}
}

// retrying is a sender that leaves all retrying to the SDK.
type retrying struct {
	mutex sync.Mutex
	sends []retriedSend
}

type retriedSend struct {
	body         string
	began, ended time.Time
	err          error
}

func (r *retrying) count() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(r.sends)
}

func TestKillWithTheSDKsRetriesEveryAcknowledgedEventIsReadAndOnlyCutSendsAreRepeated(t *testing.T) {
	t.Parallel()
	for _, durability := range []string{"disk", "os"} {
		t.Run(durability, func(t *testing.T) {
			t.Parallel()
			chance := killChance(t)
			server := ownServer(t, "--durability", durability)
			hub := hubAt(t, server.Ready.ConnectionString, "retried")
			hub.retry = patient
			stop := make(chan struct{})
			var group sync.WaitGroup
			var senders []*retrying
			for number := range 3 {
				one, client, partition := &retrying{}, hub.producer(), partitions[number%2]
				senders = append(senders, one)
				group.Add(1)
				go func() {
					defer group.Done()
					for count := 0; ; count++ {
						select {
						case <-stop:
							return
						default:
						}
						send := retriedSend{body: fmt.Sprintf("sender %d/%06d", number, count), began: time.Now()}
						ctx, cancel := contextFor(2 * waitTime)
						send.err = trySend(ctx, client, toPartition(partition), newEvent(send.body))
						cancel()
						send.ended = time.Now()
						one.mutex.Lock()
						one.sends = append(one.sends, send)
						one.mutex.Unlock()
					}
				}()
			}
			progress := func(what string) {
				t.Helper()
				marks := []int{}
				for _, sender := range senders {
					marks = append(marks, sender.count())
				}
				until(t, what, func() bool {
					for number, sender := range senders {
						if sender.count() <= marks[number]+3 {
							return false
						}
					}
					return true
				})
			}
			var kills [][2]time.Time
			for range killCycles(t) {
				progress("the senders to send")
				time.Sleep(time.Duration(chance.Float64() * float64(300*time.Millisecond)))
				before := time.Now()
				server.kill()
				// What the dead server had put on the wire may still arrive for a moment.
				kills = append(kills, [2]time.Time{before, time.Now()})
				check(t, server.start())
			}
			progress("the senders to come back after the last restart")
			close(stop)
			done := make(chan struct{})
			go func() { group.Wait(); close(done) }()
			arrives(t, "the senders to end", done)

			stored := map[string]int{}
			for _, events := range hub.readAll() {
				for _, body := range bodies(events) {
					stored[body]++
				}
			}
			acknowledged, repeated := 0, 0
			for _, sender := range senders {
				for _, send := range sender.sends {
					count := stored[send.body]
					delete(stored, send.body)
					if send.err == nil {
						acknowledged++
						isTrue(t, count > 0, "%s was acknowledged and is lost", send.body)
					} else {
						t.Logf("the SDK gave up on %s: %v", send.body, send.err)
					}
					cutBy := 0
					for _, kill := range kills {
						if !send.began.After(kill[1]) && !send.ended.Before(kill[0]) {
							cutBy++
						}
					}
					isTrue(t, count <= 1+cutBy, "%s is stored %d times, and %d kills cut its send", send.body, count, cutBy)
					repeated += max(0, count-1)
				}
			}
			isTrue(t, len(stored) == 0, "never sent: %v", slices.Collect(maps.Keys(stored)))
			isTrue(t, acknowledged > killCycles(t), "only %d acknowledged events", acknowledged)
			t.Logf("%d kills, %d acknowledged events, %d repeated", len(kills), acknowledged, repeated)
		})
	}
}
