// A library with a thread of its own, as OpenBLAS has: made when the library is loaded, and again when there is work and it is gone.
// With -DFORK a handler ends it before a fork.
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_t worker;
static int running, stop, asked, answered;
static long in, out;

static void *work(void *unused)
{
	pthread_mutex_lock(&lock);
	while (!stop) {
		if (asked != answered) {
			out = in * in;
			answered = asked;
			pthread_cond_broadcast(&changed);
		}
		pthread_cond_wait(&changed, &lock);
	}
	pthread_mutex_unlock(&lock);
	return unused;
}

static void begin(void)
{
	stop = 0;
	if (!running)
		running = pthread_create(&worker, 0, work, 0) == 0;
}

static void end(void)
{
	if (!running)
		return;
	pthread_mutex_lock(&lock);
	stop = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	pthread_join(worker, 0);
	running = 0;
}

long square(long n)
{
	begin();
	pthread_mutex_lock(&lock);
	in = n;
	asked++;
	pthread_cond_broadcast(&changed);
	while (answered != asked)
		pthread_cond_wait(&changed, &lock);
	long result = out;
	pthread_mutex_unlock(&lock);
	return result;
}

__attribute__((constructor)) static void load(void)
{
#ifdef FORK
	pthread_atfork(end, 0, 0);
#else
	(void)end;
#endif
	begin();
}
