// SPDX-License-Identifier: Apache-2.0
//
// A memory as weak as C11 allows, for one program that tries every execution of two threads.
//
// The memory: each word has all values that were ever stored, in the order of storing (there is one
// writer). A thread has a view: of each word the oldest value it may still see. A load takes any
// value from there on. A release store carries its thread's view along, an acquire load takes it
// over; fences do the same for relaxed accesses around them; a sequentially consistent load sees no
// less than the last such store of its word. (The view machine of the C11 literature, without
// promises: nothing that depends on a load is stored by a reader.)
//
// A mutant weakens one access; sleeping and waking have the futex's semantics. All state is static:
// a program includes this once.

#ifndef QEDGE_TESTS_FAULT_WEAK_MEMORY_H
#define QEDGE_TESTS_FAULT_WEAK_MEMORY_H

#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

// ---- choices: depth first through all of them ---------------------------------------------------

#define CHOICES_MAX 4000

static struct choice {
    unsigned taken, count;
} path[CHOICES_MAX];
static unsigned path_length, path_at;

static unsigned choose(unsigned count)
{
    if (count <= 1)
        return 0;
    if (path_at == path_length) {
        if (path_length == CHOICES_MAX) {
            fprintf(stderr, "more choices than there is room for\n");
            exit(2);
        }
        path[path_length++] = (struct choice){0, count};
    }
    return path[path_at++].taken;
}

// The next path; false when all have been gone.
static bool choices_next(void)
{
    while (path_length > 0 && path[path_length - 1].taken + 1 == path[path_length - 1].count)
        path_length--;
    if (path_length == 0)
        return false;
    path[path_length - 1].taken++;
    return true;
}

// ---- memory -------------------------------------------------------------------------------------

#define WORDS_MAX 48
#define VALUES_MAX 24
#define THREADS 3 // writer, readers
enum { WRITER = 0, READER = 1 };

struct view {
    uint8_t at[WORDS_MAX];
};
struct value {
    uint64_t bits;
    struct view view; // what a reader of it learns
};
static struct word {
    const void *address;
    struct value values[VALUES_MAX];
    unsigned count;
} words[WORDS_MAX];
static unsigned word_count;

static struct thread {
    struct view now, released, seen; // seen: by relaxed loads since the last acquire fence
    ucontext_t context;
    bool finished, asleep;
} threads[THREADS];
static struct view common; // of each word: its last sequentially consistent store
static int running;        // which thread
static bool stepping;      // sleeping and waking: threads take turns

static void view_join(struct view *view, const struct view *other)
{
    for (unsigned i = 0; i < word_count; i++)
        if (other->at[i] > view->at[i])
            view->at[i] = other->at[i];
}

static unsigned word_find(const void *address, uint64_t initial)
{
    for (unsigned i = 0; i < word_count; i++)
        if (words[i].address == address)
            return i;
    if (word_count == WORDS_MAX)
        abort();
    words[word_count] = (struct word){.address = address, .count = 1};
    words[word_count].values[0].bits = initial;
    return word_count++;
}

// ---- mutants ------------------------------------------------------------------------------------

enum mutation { WEAKER, GONE, NOT_COMPARED };
struct mutant {
    const char *name;
    const char *function, *word; // word: the text in the source, NULL = the fence
    unsigned nth;                // of those in that function, from 0
    enum mutation mutation;
};
static const struct mutant *mutant;

struct site {
    const char *function, *word;
    int line;
};
static struct site sites[64];
static unsigned site_count;
static bool mutant_met;

static void site_note(const char *function, const char *word, int line)
{
    for (unsigned i = 0; i < site_count; i++)
        if (sites[i].line == line && strcmp(sites[i].word, word) == 0)
            return;
    if (site_count < 64)
        sites[site_count++] = (struct site){function, word, line};
}

// Is this place the broken one?
static bool is_broken(const char *function, const char *word, int line)
{
    site_note(function, word, line);
    if (!mutant || strcmp(mutant->function, function) != 0 || strcmp(mutant->word, word) != 0)
        return false;
    unsigned before = 0;
    for (unsigned i = 0; i < site_count; i++)
        before += sites[i].line < line && strcmp(sites[i].function, function) == 0 &&
                  strcmp(sites[i].word, word) == 0;
    if (before != mutant->nth)
        return false;
    mutant_met = true;
    return true;
}

// ---- accesses -----------------------------------------------------------------------------------

static void turn(void);

static bool is_acquire(int order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static bool is_release(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static void learn(struct thread *self, const struct value *value, int order)
{
    view_join(is_acquire(order) ? &self->now : &self->seen, &value->view);
}

static void put(struct thread *self, unsigned word, uint64_t bits, int order,
                const struct view *also)
{
    struct word *target = &words[word];
    if (target->count == VALUES_MAX)
        abort();
    self->now.at[word] = (uint8_t)target->count;
    if (order == __ATOMIC_SEQ_CST)
        common.at[word] = (uint8_t)target->count;
    struct value *value = &target->values[target->count++];
    *value = (struct value){.bits = bits, .view = is_release(order) ? self->now : self->released};
    value->view.at[word] = (uint8_t)(target->count - 1);
    if (also) // an exchange goes on with what it read carried along
        view_join(&value->view, also);
}

// A value that was stored several times is taken where it is oldest: whoever has read the older one
// may do all that who has read the newer one may, and more.
static unsigned value_choose(const struct word *word, unsigned first)
{
    unsigned different[VALUES_MAX] = {first}, count = 0;
    for (unsigned i = first; i < word->count; i++) {
        bool known = false;
        for (unsigned k = 0; k < count; k++)
            known = known || word->values[different[k]].bits == word->values[i].bits;
        if (!known)
            different[count++] = i;
    }
    return different[choose(count)];
}

// In the trials with turns no slot is used twice and no high half changes: who reads another word
// reads the same before and after the writer's turn.
static bool changes(const char *text)
{
    return !strstr(text, "high") && !strstr(text, "source");
}

static uint64_t memory_load(const void *address, size_t size, int order, const char *function,
                            const char *text, int line)
{
    static uint64_t before[THREADS][2]; // the stamp's halves, as seen before
    uint64_t initial = 0;
    memcpy(&initial, address, size);
    bool broken = is_broken(function, text, line);
    unsigned word = word_find(address, initial);
    struct thread *self = &threads[running];
    if (broken && mutant->mutation == WEAKER)
        order = __ATOMIC_RELAXED;
    if (changes(text))
        turn();
    if (order == __ATOMIC_SEQ_CST && self->now.at[word] < common.at[word])
        self->now.at[word] = common.at[word];
    unsigned taken = value_choose(&words[word], self->now.at[word]);
    const struct value *value = &words[word].values[taken];
    self->now.at[word] = (uint8_t)taken;
    learn(self, value, order);
    bool high = strstr(text, "high") != NULL;
    if (broken && mutant->mutation == NOT_COMPARED)
        return before[running][high];
    if (strstr(text, "stamp"))
        before[running][high] = value->bits;
    return value->bits;
}

static void memory_store(void *address, uint64_t bits, size_t size, int order, const char *function,
                         const char *text, int line)
{
    uint64_t initial = 0;
    memcpy(&initial, address, size);
    bool broken = is_broken(function, text, line);
    unsigned word = word_find(address, initial);
    if (broken && mutant->mutation == WEAKER)
        order = __ATOMIC_RELAXED;
    if (order == __ATOMIC_SEQ_CST)
        turn();
    put(&threads[running], word, bits, order, NULL);
}

static uint64_t memory_add(void *address, uint64_t amount, size_t size, int order,
                           const char *function, const char *text, int line)
{
    uint64_t initial = 0;
    memcpy(&initial, address, size);
    bool broken = is_broken(function, text, line);
    unsigned word = word_find(address, initial);
    if (broken && mutant->mutation == WEAKER)
        order = __ATOMIC_ACQ_REL;
    turn();
    struct thread *self = &threads[running];
    struct value newest = words[word].values[words[word].count - 1];
    learn(self, &newest, order);
    put(self, word, newest.bits + amount, order, &newest.view);
    return newest.bits;
}

static void memory_fence(int order, const char *function, int line)
{
    struct thread *self = &threads[running];
    if (is_broken(function, "fence", line))
        return;
    if (is_acquire(order))
        view_join(&self->now, &self->seen);
    if (is_release(order))
        self->released = self->now;
}

// ---- sleeping -----------------------------------------------------------------------------------

static void switch_to(int thread)
{
    int from = running;
    running = thread;
    if (from != thread)
        swapcontext(&threads[from].context, &threads[thread].context);
}

static unsigned thread_count;
static bool lost_wake;

// Who goes on? Only who is neither asleep nor at his end.
static void turn_among(bool may_stay)
{
    int ready[THREADS];
    unsigned count = 0;
    if (may_stay)
        ready[count++] = running;
    for (unsigned i = 0; i < thread_count; i++)
        if ((int)i != running && !threads[i].finished && !threads[i].asleep)
            ready[count++] = (int)i;
    if (count > 0)
        switch_to(ready[choose(count)]);
}

static void turn(void)
{
    if (stepping)
        turn_among(true);
}

static ucontext_t end_of_run;

static long memory_syscall(long number, const uint32_t *address, int operation, uint32_t value, ...)
{
    (void)number;
    unsigned word = word_find(address, *address);
    bool compared = !is_broken("futex", "compare", 0);
    turn();
    if (!stepping)
        return 0;
    struct word *event = &words[word];
    if (operation == FUTEX_WAKE) {
        for (unsigned i = 0; i < thread_count; i++)
            threads[i].asleep = false;
        return 0;
    }
    // the kernel's look at the word is sequentially consistent with the writer's counting
    unsigned oldest = threads[running].now.at[word];
    unsigned seen = value_choose(event, oldest > common.at[word] ? oldest : common.at[word]);
    if (compared && (uint32_t)event->values[seen].bits != value) {
        errno = EAGAIN;
        return -1;
    }
    threads[running].asleep = true;
    bool anybody = false;
    for (unsigned i = 0; i < thread_count; i++)
        anybody = anybody || (!threads[i].finished && !threads[i].asleep);
    if (!anybody) {
        lost_wake = true;
        setcontext(&end_of_run);
    }
    turn_among(false);
    return 0;
}

#endif
