/* Links, credit, deaths and relinking (DESIGN-WALL.md section 3, common/peer.c), small enough
 * to be searched whole. docs/models/README.md says what is shown, and how the model is broken
 * on purpose.
 *
 * An edge sends requests to a prevalidator, which refuses them or submits them to a sequencer,
 * which answers the edge. A supervisor kills prevalidator and sequencer, and makes new links.
 *
 * A link is its number: each death makes new ones, and a socket that is dead keeps what was
 * written to it until its reader reaches the end or takes the new link. Each `atomic` is one
 * handler; between two of them anything may happen to anybody. */

#ifndef REQUESTS
#define REQUESTS 4
#endif
#ifndef KILLS
#define KILLS 2
#endif
#define TICKETS  2
#define WINDOW_P 2 /* edge -> prevalidator */
#define WINDOW_S 1 /* prevalidator -> sequencer */
#define LINKS    (KILLS + 1)
#define NONE     255

#ifdef THROTTLE_REPLIES /* wrong: whoever has no room waits, whatever it wants to say */
#define ROOM_P      1
#define ROOM_REPLY  1
#define ROOM_CREDIT 1
#define ROOM_ANSWER REQUESTS
#define MUST_FIT(queue)
#else /* replies and credit fit, because accepting their request reserved the room */
#define ROOM_P      WINDOW_P
#define ROOM_REPLY  (2 * WINDOW_P)
#define ROOM_CREDIT WINDOW_S
#define ROOM_ANSWER REQUESTS
#define MUST_FIT(queue) assert(nfull(queue))
#endif

mtype = { REFUSED, CREDIT };

/* slot and serial are the ticket: where it is, and the bits that make it this one. */
chan edge_to_p[LINKS] = [ROOM_P] of { byte, byte };
chan p_to_edge[LINKS] = [ROOM_REPLY] of { mtype, byte, byte };
chan p_to_s[LINKS] = [WINDOW_S] of { byte, byte };
chan s_to_p[LINKS] = [ROOM_CREDIT] of { bit };
chan s_to_edge[LINKS] = [ROOM_ANSWER] of { byte, byte };

/* The newest of each link, as the supervisor made it. What is written to an older one, whose
 * reader is dead, is nowhere. */
byte edge_p_now, p_s_now, edge_s_now;

#define EMPTY1(queue) do :: queue?_ -> skip :: empty(queue) -> break od
#define EMPTY2(queue) do :: queue?_, _ -> skip :: empty(queue) -> break od
#define EMPTY3(queue) do :: queue?_, _, _ -> skip :: empty(queue) -> break od

/* --- the edge --- */

byte edge_p, edge_s; /* the link that it holds, or NONE */
byte edge_credit = WINDOW_P;
byte ticket[TICKETS] = NONE; /* serial of the request in a slot */
byte serial_next;
byte early;                  /* tickets that ended before their answer came */
bool ended[REQUESTS];

inline end_request(serial)
{
	assert(!ended[serial]); /* each ends in exactly one of answer, refusal, failure */
	ended[serial] = true;
}

inline take_answer(slot, serial)
{
	if
#ifdef MATCH_SLOT_ONLY /* wrong: whoever is in the slot gets it */
	:: ticket[slot] != NONE ->
#else
	:: ticket[slot] == serial ->
#endif
		assert(ticket[slot] == serial); /* nobody gets what another asked for */
		end_request(ticket[slot]);
		ticket[slot] = NONE
	:: else /* late: dropped and counted */
	fi
}

inline fail(slot)
{
	if
	:: ticket[slot] != NONE ->
		end_request(ticket[slot]);
		ticket[slot] = NONE;
		early++
	:: else
	fi
}

inline fail_all()
{
	fail(0);
	fail(1)
}

inline begin(slot)
{
	if
#ifdef THROTTLE_REPLIES
	:: true ->
		ticket[slot] = serial_next;
		serial_next++;
		edge_to_p[edge_p]!slot, serial_next - 1
#else
#ifdef IGNORE_CREDIT /* wrong: tickets are no bound, because they may end early */
	:: edge_p != NONE ->
		ticket[slot] = serial_next;
#else
	:: edge_p != NONE && edge_credit > 0 ->
		ticket[slot] = serial_next;
		edge_credit--;
#endif
		if
		:: edge_p == edge_p_now ->
			MUST_FIT(edge_to_p[edge_p]);
			edge_to_p[edge_p]!slot, serial_next
		:: else
		fi;
		serial_next++
	:: else -> /* BUSY at once; nothing is parked */
		end_request(serial_next);
		early++;
		serial_next++
#endif
	fi
}

active proctype edge()
{
	mtype kind;
	byte slot, serial;

	do
	:: atomic { serial_next < REQUESTS && ticket[0] == NONE -> begin(0) }
	:: atomic { serial_next < REQUESTS && ticket[0] != NONE && ticket[1] == NONE -> begin(1) }
	:: atomic {
		edge_p != NONE && nempty(p_to_edge[edge_p]) ->
		p_to_edge[edge_p]?kind, slot, serial;
		if
		:: kind == REFUSED -> take_answer(slot, serial)
		:: kind == CREDIT ->
#ifndef THROTTLE_REPLIES
#ifndef IGNORE_CREDIT
			edge_credit++;
			assert(edge_credit <= WINDOW_P)
#else
			skip
#endif
#else
			skip
#endif
		fi;
		kind = 0; slot = 0; serial = 0
	   }
	:: atomic {
		edge_s != NONE && nempty(s_to_edge[edge_s]) ->
		s_to_edge[edge_s]?slot, serial;
		take_answer(slot, serial);
		slot = 0; serial = 0
	   }
	:: atomic { /* the end of a socket, after all that was in it */
		edge_p != NONE && edge_p != edge_p_now && empty(p_to_edge[edge_p]) ->
		edge_p = NONE;
		edge_credit = 0;
		fail_all()
	   }
	:: atomic { /* a newer LINK takes the place of the older, even before its end is seen */
		edge_p != edge_p_now ->
		if
		:: edge_p != NONE -> EMPTY3(p_to_edge[edge_p])
		:: else
		fi;
		edge_p = edge_p_now;
		edge_credit = WINDOW_P;
		fail_all()
	   }
	:: atomic {
		edge_s != NONE && edge_s != edge_s_now && empty(s_to_edge[edge_s]) ->
		edge_s = NONE;
		fail_all()
	   }
	:: atomic {
		edge_s != edge_s_now ->
		if
		:: edge_s != NONE -> EMPTY2(s_to_edge[edge_s])
		:: else
		fi;
		edge_s = edge_s_now;
		fail_all()
	   }
#ifndef NO_DEADLINE
	:: atomic { ticket[0] != NONE -> fail(0) }
	:: atomic { ticket[1] != NONE -> fail(1) }
#endif
	:: atomic {
		serial_next == REQUESTS && ticket[0] == NONE && ticket[1] == NONE -> break
	   }
	od;
	atomic {
		slot = 0;
		do
		:: slot < REQUESTS -> assert(ended[slot]); slot++
		:: else -> break
		od
	}
}

/* --- the prevalidator --- */

bool p_up = true;
byte p_edge, p_s;
byte p_credit = WINDOW_S;

active proctype prevalidator()
{
	byte slot, serial;

end_idle:
	do
	:: atomic {
		p_up && nempty(edge_to_p[p_edge]) ->
		edge_to_p[p_edge]?slot, serial;
		if
#ifdef THROTTLE_REPLIES
		:: p_to_s[p_s]!slot, serial
#else
		:: p_credit > 0 ->
			p_credit--;
			if
			:: p_s == p_s_now ->
				MUST_FIT(p_to_s[p_s]);
				p_to_s[p_s]!slot, serial
			:: else
			fi
#endif
		:: true -> /* policy, or no credit: nobody waits for it */
			MUST_FIT(p_to_edge[p_edge]);
			p_to_edge[p_edge]!REFUSED, slot, serial
		fi;
		MUST_FIT(p_to_edge[p_edge]);
		p_to_edge[p_edge]!CREDIT, 0, 0;
		slot = 0; serial = 0
	   }
	:: atomic {
		p_up && nempty(s_to_p[p_s]) ->
		s_to_p[p_s]?_;
#ifndef THROTTLE_REPLIES
		p_credit++;
		assert(p_credit <= WINDOW_S) /* else it is a lie, and accused */
#endif
	   }
	:: atomic {
		p_up && p_s != p_s_now ->
		EMPTY1(s_to_p[p_s]);
		p_s = p_s_now;
		p_credit = WINDOW_S
	   }
	od
}

/* --- the sequencer --- */

bool s_up = true;
byte s_p, s_edge;
byte s_in_hand; /* requests of the present link that are not given back */
/* What it works on, with the link that each came in on. Those of the dead stay. */
chan s_pool = [WINDOW_S * LINKS + 1] of { byte, byte, byte };

active proctype sequencer()
{
	byte slot, serial, link;

end_idle:
	do
	:: atomic {
		s_up && nempty(p_to_s[s_p]) ->
		p_to_s[s_p]?slot, serial;
#ifndef THROTTLE_REPLIES
		s_in_hand++;
		assert(s_in_hand <= WINDOW_S); /* else it is accused */
#endif
		MUST_FIT(s_pool);
		s_pool!slot, serial, s_p;
		slot = 0; serial = 0
	   }
	:: atomic {
		s_up && nempty(s_pool) ->
		s_pool?slot, serial, link;
		/* An edge that reads holds an answer for each ticket, and late ones for those
		 * that ended early. (One that does not read is accused: common/peer.h.) */
		assert(len(s_to_edge[s_edge]) < TICKETS + early);
		s_to_edge[s_edge]!slot, serial;
		if
#ifdef GIVE_BACK_TO_ANY /* wrong: whoever bears the name gets the credit */
		:: true ->
#else
		:: link == s_p ->
#endif
#ifndef THROTTLE_REPLIES
			s_in_hand = (s_in_hand > 0 -> s_in_hand - 1 : 0);
#endif
			if
			:: s_p == p_s_now ->
				MUST_FIT(s_to_p[s_p]);
				s_to_p[s_p]!1
			:: else
			fi
#ifndef GIVE_BACK_TO_ANY
		:: else
#endif
		fi;
		slot = 0; serial = 0; link = 0
	   }
	:: atomic {
		s_up && s_p != p_s_now ->
		EMPTY2(p_to_s[s_p]);
		s_p = p_s_now;
		s_in_hand = 0
	   }
	od
}

/* --- the supervisor --- */

active proctype supervisor()
{
	byte kills = 0;

	do
	:: atomic { /* what was written for the dead is gone, what they wrote is not */
		kills < KILLS && p_up -> kills++;
		p_up = false;
		EMPTY2(edge_to_p[p_edge]);
		EMPTY1(s_to_p[p_s]);
		edge_p_now++;
		p_s_now++
	   }
	:: atomic {
		kills < KILLS && s_up -> kills++;
		s_up = false;
		EMPTY2(p_to_s[s_p]);
		EMPTY3(s_pool);
		s_in_hand = 0;
		edge_s_now++;
		p_s_now++
	   }
	:: atomic { /* only when the old one is reaped is there a new one */
		!p_up -> p_up = true;
		p_edge = edge_p_now;
		p_s = p_s_now;
		p_credit = WINDOW_S
	   }
	:: atomic {
		!s_up -> s_up = true;
		s_edge = edge_s_now;
		s_p = p_s_now
	   }
	:: p_up && s_up -> break
	od
}
